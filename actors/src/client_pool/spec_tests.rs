//! From shipped recipes to what the load engine is asked to do.

use std::path::Path;

use hpcbench_recipes::{DiskFiles, Input, PathBase, Plan, RecipeChecker};
use hpcbench_services::REGISTRY;

use super::*;

fn plan(overrides: &[&str]) -> Plan {
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recipes");
    let source = std::fs::read(recipes.join("quickstart.yaml")).unwrap();
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let checker = RecipeChecker::new(&REGISTRY);
    let paths = PathBase {
        directory: recipes,
        home: None,
    };
    let input = Input {
        source: &source,
        overrides: &overrides,
        paths: &paths,
        files: &DiskFiles,
    };
    let checked = checker.check(&input);
    checked
        .plan
        .unwrap_or_else(|| panic!("{:?}", checked.diagnostics))
}

fn share(attempt: u32) -> Share {
    Share {
        node: "client".parse().unwrap(),
        attempt: Attempt(attempt),
        client: ClientShare { index: 0, count: 1 },
        clients_on_host: 1,
        endpoints: Vec::new(),
        model: "m".to_owned(),
        scratch: "/nowhere".into(),
        local: true,
    }
}

#[test]
fn a_plan_is_carried_over_to_the_letter() {
    let plan = plan(&[
        "workload.load={shape: gamma, rate: 5, burstiness: 2, max_in_flight: 7}",
        "sweep={}",
    ]);
    let spec = load_spec(&plan.trials[0], share(1)).unwrap();
    assert_eq!(
        spec.shape,
        Shape::Gamma {
            rate: 5.0,
            burstiness: 2.0,
            max_in_flight: 7
        }
    );
    assert_eq!(spec.dialect, Dialect::Chat);
    assert_eq!(spec.warmup.as_secs(), 2);
    assert!(
        matches!(spec.length, Length::Duration { duration, cooldown: Cooldown::Load } if duration.as_secs() == 7)
    );
    assert_eq!(spec.seed, plan.trials[0].seed);
}

#[test]
fn connections_threads_and_conversations_are_the_recipes() {
    let plan = plan(&[
        "workload.load={shape: closed, concurrency: 3, turns: 4}",
        "workload.connections={policy: reuse, max_age: 90s}",
        "workload.engine={threads: 2, pin: never, keep_awake: true}",
        "sweep={}",
    ]);
    let spec = load_spec(&plan.trials[0], share(1)).unwrap();
    assert!(
        matches!(spec.shape, Shape::Closed { concurrency: 3, turns, .. } if turns.get() == 4),
        "{:?}",
        spec.shape
    );
    let max_age = Some(std::time::Duration::from_secs(90));
    assert_eq!(spec.connections, Connections::Reuse { max_age });
    assert_eq!(
        (spec.threads, spec.pin, spec.keep_awake),
        (std::num::NonZeroU16::new(2), Pin::Never, true)
    );
}

#[test]
fn cores_are_shared_on_one_machine() {
    let plan = plan(&["sweep={}"]);
    let there = |local| Share { local, ..share(1) };
    assert_eq!(load_spec(&plan.trials[0], there(true)).unwrap().pin, Pin::Never);
    assert_eq!(load_spec(&plan.trials[0], there(false)).unwrap().pin, Pin::Auto);
}

#[test]
fn a_trace_is_read_where_the_load_is_made() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("trace.jsonl");
    std::fs::write(
        &file,
        "{\"timestamp\": 5, \"input_length\": 9, \"hash_ids\": [7]}\n{\"timestamp\": 9000}\n",
    )
    .unwrap();
    let load = format!(
        "workload.load={{shape: trace, path: {}, speed: 2}}",
        file.display()
    );
    let plan = plan(&[&load, "sweep={}"]);
    let Shape::Trace { requests, speed, .. } = load_spec(&plan.trials[0], share(1)).unwrap().shape else {
        panic!("this is a trace");
    };
    assert!((speed - 2.0).abs() < f64::EPSILON);
    assert_eq!((requests.len(), requests[1].at), (2, 8_995_000_000));
    assert_eq!(
        (requests[0].input_tokens, &*requests[0].blocks),
        (Some(9), [7].as_slice())
    );
    std::fs::remove_file(&file).unwrap();
    let error = load_spec(&plan.trials[0], share(1)).unwrap_err();
    assert!(error.contains("trace.jsonl"), "{error}");
}

#[test]
fn a_number_of_requests_is_one() {
    let plan = plan(&["workload.duration=null", "workload.requests=12", "sweep={}"]);
    assert_eq!(
        load_spec(&plan.trials[0], share(1)).unwrap().length,
        Length::Requests(12)
    );
}

#[test]
fn neither_trials_nor_attempts_share_prompts_or_request_ids() {
    let plan = plan(&[]);
    let specs: Vec<LoadSpec> = plan
        .trials
        .iter()
        .flat_map(|trial| [1, 2].map(|attempt| load_spec(trial, share(attempt)).unwrap()))
        .collect();
    let distinct = |of: fn(&LoadSpec) -> String| {
        specs
            .iter()
            .map(of)
            .collect::<std::collections::BTreeSet<_>>()
            .len()
    };
    assert_eq!(distinct(|spec| spec.seed.to_string()), specs.len());
    assert_eq!(distinct(|spec| spec.request_prefix.clone()), specs.len());
}
