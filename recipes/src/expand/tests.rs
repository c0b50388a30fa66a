use std::path::Path;

use proptest::prelude::*;

use crate::plan::{SecretSource, Window, setups};
use crate::recipe::{Cooldown, Prompts};
use crate::testing::{check, check_with};
use crate::{Code, Plan, PlanError};

const BASE: &str = "\
schema: hpcbench/v1
name: sweep
service: {kind: simulator}
workload:
  load: {shape: closed}
  duration: 30s
  prompts: {source: synthetic, input_tokens: 64, output_tokens: 16}
sweep:
";

fn plan(sweep: &str) -> Plan {
    let checked = check(&format!("{BASE}{sweep}"));
    checked
        .plan
        .unwrap_or_else(|| panic!("{sweep}: {:#?}", checked.diagnostics))
}

#[track_caller]
fn refused(sweep: &str, code: Code, line: u32, column: u32) {
    let checked = check(&format!("{BASE}{sweep}"));
    let found: Vec<_> = checked
        .diagnostics
        .iter()
        .map(|d| (d.code, d.line, d.column))
        .collect();
    assert_eq!(
        found,
        [(code, line, column)],
        "{sweep}: {:#?}",
        checked.diagnostics
    );
    assert!(checked.plan.is_none());
}

fn points(plan: &Plan) -> Vec<String> {
    let parameters = |trial: &crate::TrialPlan| {
        let values: Vec<String> = trial.parameters.values().map(ToString::to_string).collect();
        format!("{}#{}", values.join(","), trial.repetition)
    };
    plan.trials.iter().map(parameters).collect()
}

#[test]
fn every_agent_is_a_node_of_the_plan() {
    let nodes = "nodes: {servers: {count: 2}, clients: {count: 2, agents_per_node: 2}}\n";
    let made = plan(&format!("  matrix: {{workload.load.concurrency: [1]}}\n{nodes}"));
    let names: Vec<_> = made.nodes.iter().map(|node| node.node.as_str()).collect();
    assert_eq!(
        names,
        [
            "orchestrator",
            "server-1",
            "server-2",
            "client-1",
            "client-2",
            "client-3",
            "client-4"
        ]
    );
    let made = plan("  matrix: {workload.load.concurrency: [1]}\n");
    let names: Vec<_> = made.nodes.iter().map(|node| node.node.as_str()).collect();
    assert_eq!(names, ["orchestrator", "server", "client"]);
}

#[test]
fn matrix_zip_and_exclusions_combine() {
    let plan = plan(
        "  matrix: {workload.load.concurrency: [1, 2, 4], workload.warmup: [0s, 1s]}\n  zip:\n    - {workload.timeout: [1s, 2s], workload.prompts.output_tokens: [8, 9]}\n  exclude:\n    - {workload.load.concurrency: [2, 4], workload.warmup: 0s}\n    - {workload.load.concurrency: 4, workload.timeout: 1s}\n  repetitions: 2\n",
    );
    let first_pass = [
        "1,\"0s\",\"1s\",8",
        "1,\"0s\",\"2s\",9",
        "1,\"1s\",\"1s\",8",
        "1,\"1s\",\"2s\",9",
        "2,\"1s\",\"1s\",8",
        "2,\"1s\",\"2s\",9",
        "4,\"1s\",\"2s\",9",
    ];
    let both: Vec<String> = (1..=2)
        .flat_map(|pass| first_pass.iter().map(move |point| format!("{point}#{pass}")))
        .collect();
    assert_eq!(points(&plan), both);
}

#[test]
fn exclusions_know_ranges() {
    let matrix =
        "  matrix: {workload.load.concurrency: [1, 2, 4, 8], service.options.max_num_seqs: [2, 4]}\n";
    let excluded = |exclude: &str| points(&plan(&format!("{matrix}  exclude: [{exclude}]\n")));
    assert_eq!(
        excluded(
            "{workload.load.concurrency: {above: 2}, service.options.max_num_seqs: 2}, {workload.load.concurrency: {below: 2}}"
        ),
        ["2,2#1", "2,4#1", "4,4#1", "8,4#1"]
    );
    assert_eq!(
        excluded("{workload.load.concurrency: {at_least: 2, at_most: 4}}").len(),
        4
    );
    // A mapping that is no range is a value like others, and texts are in no range.
    assert_eq!(excluded("{workload.load.concurrency: {over: 2}}").len(), 8);
    assert_eq!(excluded("{workload.load.concurrency: {above: many}}").len(), 8);
}

#[test]
fn models_are_varied_like_everything_else() {
    let varied = plan("  matrix: {workload.load.concurrency: [1, 2], service.model: [a, b]}\n");
    let models: Vec<&str> = varied
        .services
        .iter()
        .map(|service| service.model.as_str())
        .collect();
    assert_eq!((models, varied.trials.len()), (vec!["a", "b"], 4));
    let listed = plan(
        "  zip:\n    - {service.model: [a, b, c], workload.load.concurrency: [1, 1, 5], service.options.max_num_seqs: [8, 9, 8]}\n",
    );
    assert_eq!(points(&listed), ["\"a\",1,8#1", "\"b\",1,9#1", "\"c\",5,8#1"]);
}

#[test]
fn ids_and_seeds_stay_when_points_are_added() {
    let few = plan("  matrix: {workload.load.concurrency: [1, 10]}\n");
    let many = plan("  matrix: {workload.load.concurrency: [5, 10, 1]}\n  repetitions: 3\n");
    for trial in &few.trials {
        let same = many.trials.iter().find(|other| other.id == trial.id).unwrap();
        assert_eq!(same, trial);
    }
    // Ids are joined across years: this one must never change.
    assert_eq!(few.trials[1].id.as_str(), "f7eb1eb19ff8-r1");
}

#[test]
fn services_are_started_as_rarely_as_possible() {
    let grouped = plan(
        "  matrix: {workload.load.concurrency: [1, 2], service.options.ttft: [1s, 2s]}\n  repetitions: 2\n",
    );
    let services: Vec<usize> = grouped.trials.iter().map(|trial| trial.service).collect();
    assert_eq!(services, [0, 0, 0, 0, 1, 1, 1, 1]);
    assert_eq!(grouped.services[1].options["ttft"], "2s");
    assert_eq!(grouped.services[1].options["max_num_seqs"], 256);
    let shuffled = plan(
        "  matrix: {workload.load.concurrency: [1, 2, 3, 4, 5], service.options.ttft: [1s, 2s]}\n  order: shuffled\n  seed: 3\n",
    );
    let services: Vec<usize> = shuffled.trials.iter().map(|trial| trial.service).collect();
    assert_eq!(services, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    let levels = points(&shuffled);
    assert_ne!(
        levels,
        points(&plan(
            "  matrix: {workload.load.concurrency: [1, 2, 3, 4, 5], service.options.ttft: [1s, 2s]}\n"
        ))
    );
}

#[test]
fn an_exact_order_is_kept_whatever_it_costs() {
    let exact = plan(
        "  matrix: {workload.load.concurrency: [1, 2], service.options.ttft: [1s, 2s]}\n  repetitions: 2\n  order: exact\n",
    );
    let services: Vec<usize> = exact.trials.iter().map(|trial| trial.service).collect();
    assert_eq!(services, [0, 1, 0, 1, 0, 1, 0, 1]);
}

#[test]
fn services_with_the_same_processes_are_neighbours() {
    let made = plan(
        "  matrix: {workload.load.concurrency: [4], service.health.timeout: [1m, 2m], nodes.servers.count: [1, 2], service.options.ttft: [1s, 2s]}\n",
    );
    assert_eq!(setups(&made.services), [0, 0, 0, 0, 4, 4, 4, 4]);
    let services: Vec<usize> = made.trials.iter().map(|trial| trial.service).collect();
    assert_eq!(services, [0, 1, 2, 3, 4, 5, 6, 7]);
    let others = plan(
        "  matrix: {workload.load.concurrency: [4], nodes.servers.instances_per_node: [1, 2], service.environment: [{}, {A: b}]}\n",
    );
    assert_eq!(setups(&others.services), [0, 1, 2, 3]);
}

#[test]
fn equal_services_are_one() {
    let same = plan("  matrix: {workload.load.concurrency: [1], service.options: [{}, {ttft: 20ms}]}\n");
    assert_eq!((same.services.len(), same.trials.len()), (1, 2));
}

#[test]
fn a_recipe_without_a_sweep_has_one_trial() {
    let checked = check(
        &BASE
            .replace("sweep:\n", "")
            .replace("closed}", "closed, concurrency: 3}"),
    );
    let plan = checked.plan.unwrap();
    assert_eq!(plan.trials.len(), 1);
    assert_eq!(plan.trials[0].id.as_str(), "44136fa355b3-r1");
    assert!(plan.is_intact());
    assert!(
        !Plan {
            name: "other".to_owned(),
            ..plan
        }
        .is_intact()
    );
}

#[test]
fn a_plan_is_read_as_any_build_wrote_it() {
    let plan = plan("  matrix: {workload.load.concurrency: [1, 2]}");
    let read = |document: &serde_json::Value| Plan::read(document.to_string().as_bytes());
    let mut document = serde_json::to_value(&plan).unwrap();
    // The plan's own way to its hash and that of a document are one.
    assert_eq!(crate::plan::hash_of(document.clone()), plan.hash);
    assert_eq!(read(&document).unwrap(), plan);
    // As a build wrote it that knew of no connections.
    for trial in document["trials"].as_array_mut().unwrap() {
        trial["workload"].as_object_mut().unwrap().remove("connections");
    }
    assert!(matches!(read(&document), Err(PlanError::Hash)));
    document["hash"] = crate::plan::hash_of(document.clone()).into();
    let older = read(&document).unwrap();
    assert_eq!(older.trials, plan.trials);
    assert_ne!(older.hash, plan.hash);
    document["version"] = 2.into();
    assert!(matches!(read(&document), Err(PlanError::Version)));
}

#[test]
fn prompts_of_a_plan_that_knows_no_salt_have_none() {
    let source = BASE
        .replace("sweep:\n", "")
        .replace("closed}", "closed, concurrency: 3}")
        .replace(
            "{source: synthetic, input_tokens: 64, output_tokens: 16}",
            "{source: file, path: ./there.jsonl}",
        );
    let plan = check(&source).plan.unwrap();
    let salt = |plan: &Plan| match plan.trials[0].workload.prompts {
        Prompts::File { salt, .. } => salt,
        Prompts::Synthetic { .. } => panic!("not of a file"),
    };
    assert!(salt(&plan), "the recipe's default");
    let mut document = serde_json::to_value(&plan).unwrap();
    let prompts = document["trials"][0]["workload"]["prompts"].as_object_mut();
    assert_eq!(prompts.unwrap().remove("salt"), Some(true.into()));
    document["hash"] = crate::plan::hash_of(document.clone()).into();
    let older = Plan::read(document.to_string().as_bytes()).unwrap();
    assert!(!salt(&older), "the prompts that its run has begun with");
}

#[test]
fn defaults_are_explicit_and_paths_absolute() {
    let source = BASE
        .replace("sweep:\n", "")
        .replace("closed}", "closed, concurrency: 3}")
        .replace("  duration: 30s\n", "  requests: 5000\n")
        .replace(
            "{kind: simulator}",
            "{kind: simulator, secrets: {KEY: {file: ~/there}}, image: {path: a.sif}, binds: [\"./m:/m:ro\", \"~/x\"]}",
        )
        .replace(
            "{source: synthetic, input_tokens: 64, output_tokens: 16}",
            "{source: file, path: ./there.jsonl, tokenizer: there/tokenizer.json}",
        );
    let plan = check(&source).plan.unwrap();
    let workload = &plan.trials[0].workload;
    assert_eq!(workload.cooldown, Cooldown::Drain);
    assert!(matches!(workload.window, Window::Requests(count) if count.get() == 5000));
    assert!(matches!(&workload.prompts, Prompts::File { path, .. } if path == "/recipes/there.jsonl"));
    assert_eq!(
        workload.prompts.tokenizer(),
        Some("/recipes/there/tokenizer.json")
    );
    assert_eq!(plan.services[0].model, "simulated");
    assert_eq!(
        plan.services[0].secrets["KEY"],
        SecretSource::File(Path::new("/home/ada/there").into())
    );
    assert_eq!(plan.services[0].image.as_ref().unwrap().path, "/recipes/a.sif");
    assert_eq!(plan.services[0].binds, ["/recipes/m:/m:ro", "/home/ada/x"]);
}

#[test]
fn wrong_sweeps_are_shown_where_they_are_wrong() {
    refused(
        "  matrix: {workload.load.concurency: [1]}\n",
        Code::UnknownKey,
        9,
        12,
    );
    refused(
        "  matrix: {workload.load.concurrency: [1, many]}\n",
        Code::WrongType,
        9,
        43,
    );
    refused(
        "  matrix: {workload.load.concurrency: [1], name: [a]}\n",
        Code::SweepPath,
        9,
        44,
    );
    refused(
        "  matrix: {workload.load.concurrency: [1, 2, 1]}\n",
        Code::SweepValue,
        9,
        46,
    );
    refused(
        "  matrix: {workload.load.concurrency: []}\n",
        Code::WrongValue,
        9,
        39,
    );
    refused(
        "  matrix: {workload.load.concurrency: 5}\n",
        Code::WrongType,
        9,
        39,
    );
    refused(
        "  matrix: {workload.load.concurrency: [1], workload.load: [{}]}\n",
        Code::SweepPath,
        9,
        44,
    );
    refused(
        "  matrix: {workload.load.concurrency: [1], workload.timeout.x: [1]}\n",
        Code::WrongType,
        9,
        44,
    );
    refused(
        "  matrix: {workload.load.concurrency: [1]}\n  zip: [{workload.warmup: [1s], workload.timeout: [1s, 2s]}]\n",
        Code::SweepZip,
        10,
        51,
    );
    refused(
        "  matrix: {workload.load.concurrency: [1]}\n  exclude: [{workload.load.concurency: 1}]\n",
        Code::SweepExclude,
        10,
        14,
    );
    refused(
        "  matrix: {workload.load.concurrency: [1]}\n  exclude: [{}]\n",
        Code::SweepExclude,
        10,
        3,
    );
    refused(
        "  matrix: {workload.load.concurrency: [1]}\n  repetitions: 1001\n",
        Code::WrongValue,
        10,
        16,
    );
    refused(
        "  matrix: {workload.load.concurrency: [1, 2], service.options.ttft: [1s, 1 s]}\n",
        Code::WrongValue,
        9,
        74,
    );
}

#[test]
fn rules_hold_at_every_point() {
    let checked = check(&format!(
        "{BASE}  matrix: {{workload.load.concurrency: [1], workload.warmup: [1s, 1m, 2m]}}\n"
    ));
    let found: Vec<_> = checked
        .diagnostics
        .iter()
        .map(|d| (d.code, d.line, d.column, d.pointer.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (Code::WarmupLength, 9, 66, "/sweep/matrix/workload.warmup/1"),
            (Code::WarmupLength, 9, 70, "/sweep/matrix/workload.warmup/2"),
        ]
    );
    assert_eq!(checked.plan.unwrap().trials.len(), 3);
    let elsewhere = check(
        &format!("{BASE}  matrix: {{workload.load.concurrency: [1], workload.duration: [1s, 1m]}}\n")
            .replace("  duration: 30s", "  duration: 30s\n  warmup: 5s"),
    );
    let messages: Vec<_> = elsewhere.diagnostics.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(
        messages[0].ends_with("(at workload.load.concurrency=1, workload.duration=\"1s\")"),
        "{messages:?}"
    );
}

#[test]
fn sweeps_have_a_limit() {
    let list = |count: usize| {
        (1..=count)
            .map(|level| level.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    refused(
        &format!(
            "  matrix: {{workload.load.concurrency: [{}]}}\n  repetitions: 1000\n",
            list(11)
        ),
        Code::SweepSize,
        9,
        3,
    );
    let axes: Vec<String> = (0..8)
        .map(|axis| format!("service.options.a{axis}: [{}]", list(30)))
        .collect();
    refused(
        &format!(
            "  matrix: {{workload.load.concurrency: [1], {}}}\n",
            axes.join(", ")
        ),
        Code::SweepSize,
        9,
        3,
    );
}

#[test]
fn overrides_are_part_of_the_plan() {
    let source = format!("{BASE}  repetitions: 1\n");
    let overrides = [
        "workload.load.concurrency=7",
        "name=other",
        "service.environment={A: x}",
    ];
    let plan = check_with(source.as_bytes(), &overrides).plan.unwrap();
    assert_eq!(plan.name, "other");
    // What may be secret is not.
    let kept = [
        "workload.load.concurrency=7",
        "name=other",
        "service.environment=***",
    ];
    assert_eq!(plan.overrides, kept);
    assert_eq!(plan.trials[0].workload.load.max_in_flight().get(), 7);
}

#[test]
fn overrides_reach_the_parameters_of_a_sweep() {
    let source = format!(
        "{BASE}  matrix: {{workload.load.concurrency: [1, 2]}}\n  zip: [{{workload.warmup: [1s, 2s], service.model: [a, b]}}]\n"
    );
    let overrides = [
        "sweep.matrix.workload.load.concurrency=[8]",
        "sweep.zip.0.workload.warmup=[3s]",
        "sweep.zip.0.service.model=[c]",
        "sweep.matrix.workload.timeout=[4s]",
    ];
    let plan = check_with(source.as_bytes(), &overrides).plan.unwrap();
    assert_eq!(points(&plan), ["8,\"4s\",\"3s\",\"c\"#1"]);
    let wrong = check_with(source.as_bytes(), &["sweep.matrix.workload.load.concurrency=[]"]);
    assert_eq!(wrong.diagnostics[0].code, Code::WrongValue);
    assert_eq!(
        wrong.diagnostics[0].in_override(),
        Some(0),
        "{:#?}",
        wrong.diagnostics
    );
}

proptest! {
    /// Any sweep of this form has as many trials as its product says, with distinct ids, grouped by service.
    #[test]
    fn sweeps_have_distinct_trials(
        levels in proptest::collection::btree_set(1u32..1000, 1..6),
        seqs in proptest::collection::btree_set(1u32..1000, 1..4),
        repetitions in 1u32..4,
        shuffled: bool,
    ) {
        let order = if shuffled { "shuffled" } else { "declared" };
        let (levels, seqs) = (Vec::from_iter(levels), Vec::from_iter(seqs));
        let plan = plan(&format!(
            "  matrix: {{workload.load.concurrency: {levels:?}, service.options.max_num_seqs: {seqs:?}}}\n  repetitions: {repetitions}\n  order: {order}\n"
        ));
        prop_assert_eq!(plan.trials.len(), levels.len() * seqs.len() * repetitions as usize);
        prop_assert_eq!(plan.services.len(), seqs.len());
        let ids: std::collections::BTreeSet<_> = plan.trials.iter().map(|trial| trial.id.as_str()).collect();
        prop_assert_eq!(ids.len(), plan.trials.len());
        let switches = plan.trials.windows(2).filter(|pair| pair[0].service != pair[1].service).count();
        prop_assert_eq!(switches, seqs.len() - 1);
    }
}
