use std::collections::BTreeSet;
use std::num::NonZeroU32;

use proptest::prelude::*;

use crate::estimate::{TRIAL_OVERHEAD_SECONDS, estimate, instances};
use crate::testing::check;
use crate::{Code, Plan};

/// A recipe with a sweep and more top-level sections.
fn recipe(sweep: &str, more: &str) -> String {
    format!(
        "\
schema: hpcbench/v1
name: scaling
service: {{kind: simulator}}
workload:
  load: {{shape: closed, concurrency: 64}}
  duration: 30s
  prompts: {{source: synthetic, input_tokens: 64, output_tokens: 16}}
sweep: {sweep}
{more}"
    )
}

fn plan(sweep: &str, more: &str) -> Plan {
    let checked = check(&recipe(sweep, more));
    let diagnostics = checked.diagnostics;
    checked
        .plan
        .unwrap_or_else(|| panic!("{sweep}: {diagnostics:#?}"))
}

#[track_caller]
fn refused(sweep: &str, more: &str, code: Code, pointer: &str) -> String {
    let checked = check(&recipe(sweep, more));
    let found: Vec<_> = checked
        .diagnostics
        .iter()
        .map(|d| (d.code, d.pointer.as_str()))
        .collect();
    assert_eq!(found, [(code, pointer)], "{sweep}: {:#?}", checked.diagnostics);
    let first = &checked.diagnostics[0];
    format!("{} {}", first.message, first.help.as_deref().unwrap_or_default())
}

/// For each trial: its parameters, and the nodes that it uses.
fn used(plan: &Plan) -> Vec<String> {
    let names = |nodes: &mut dyn Iterator<Item = &crate::PlannedNode>| {
        nodes.map(|node| node.node.as_str()).collect::<Vec<_>>().join(" ")
    };
    let trial = |trial: &crate::TrialPlan| {
        let values: Vec<String> = trial.parameters.values().map(ToString::to_string).collect();
        let service = &plan.services[trial.service];
        let servers = names(&mut plan.servers_of(service));
        let clients = names(&mut plan.clients_of(trial));
        format!("{}: {servers} | {clients}", values.join(","))
    };
    plan.trials.iter().map(trial).collect()
}

#[test]
fn the_run_has_the_nodes_that_any_trial_needs_and_each_trial_the_first_ones() {
    let plan = plan(
        "{matrix: {nodes.servers.count: [1, 3], nodes.clients.count: [2, 1]}}",
        "nodes: {servers: {count: 9}, clients: {agents_per_node: 2}}\n",
    );
    let resources = &plan.resources;
    assert_eq!(
        (resources.servers.count.get(), resources.clients.count.get()),
        (3, 2)
    );
    assert_eq!(plan.nodes.len(), 1 + 3 + 4);
    assert_eq!(
        used(&plan),
        [
            "1,2: server-1 | client-1 client-2 client-3 client-4",
            "1,1: server-1 | client-1 client-2",
            "3,2: server-1 server-2 server-3 | client-1 client-2 client-3 client-4",
            "3,1: server-1 server-2 server-3 | client-1 client-2",
        ]
    );
    // One service for each number of its nodes.
    let services: Vec<usize> = plan.trials.iter().map(|trial| trial.service).collect();
    assert_eq!(services, [0, 0, 1, 1]);
    let counts = plan
        .services
        .iter()
        .map(|service| service.server_nodes.map(NonZeroU32::get));
    assert_eq!(counts.collect::<Vec<_>>(), [Some(1), None]);
    let started = plan.services.iter().map(|service| instances(&plan, service));
    assert_eq!(started.collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn services_are_started_once_for_each_number_of_nodes() {
    let plan = plan(
        "{matrix: {workload.load.concurrency: [8, 16], nodes.servers.count: [1, 2]}, repetitions: 2}",
        "",
    );
    let services: Vec<usize> = plan.trials.iter().map(|trial| trial.service).collect();
    assert_eq!(services, [0, 0, 0, 0, 1, 1, 1, 1]);
}

#[test]
fn numbers_of_nodes_advance_with_others() {
    let weak = plan(
        "{zip: [{nodes.servers.count: [1, 2, 4], workload.load.concurrency: [8, 16, 32]}]}",
        "",
    );
    assert_eq!(
        used(&weak),
        [
            "1,8: server-1 | client",
            "2,16: server-1 server-2 | client",
            "4,32: server-1 server-2 server-3 server-4 | client"
        ]
    );
    let without = plan(
        "{matrix: {nodes.servers.count: [1, 2, 4]}, exclude: [{nodes.servers.count: {above: 2}}]}",
        "",
    );
    assert_eq!(without.resources.servers.count.get(), 2);
}

#[test]
fn instances_on_a_node_are_varied_too() {
    let varied = plan(
        "{matrix: {nodes.servers.instances_per_node: [1, 4]}}",
        "nodes: {servers: {gpus: 4, gpus_per_instance: 1}}\n",
    );
    let each = varied.services.iter().map(|service| service.instances_per_node);
    assert_eq!(each.collect::<Vec<_>>(), [1, 4]);
    assert_eq!(varied.resources.servers.instances_per_node.get(), 4);
    refused(
        "{matrix: {nodes.servers.instances_per_node: [1, 5]}}",
        "nodes: {servers: {gpus: 4, gpus_per_instance: 1}}\n",
        Code::Resources,
        "/nodes/servers/gpus_per_instance",
    );
}

#[test]
fn a_plan_whose_trials_use_all_nodes_says_nothing_of_it() {
    let one = plan("{}", "nodes: {servers: {count: 2}, clients: {count: 2}}\n");
    let json = serde_json::to_string(&one).unwrap();
    assert!(
        !json.contains("server_nodes") && !json.contains("client_nodes"),
        "{json}"
    );
    assert_eq!(used(&one), [": server-1 server-2 | client-1 client-2"]);
    assert_eq!(one.idle_hosts(&one.trials[0]), 0);
}

#[test]
fn trials_keep_their_ids_when_other_numbers_of_nodes_are_added() {
    let few = plan("{matrix: {nodes.servers.count: [2]}}", "");
    let many = plan("{matrix: {nodes.servers.count: [1, 2, 4]}}", "");
    assert_eq!(
        (&few.trials[0].id, few.trials[0].seed),
        (&many.trials[1].id, many.trials[1].seed)
    );
}

#[test]
fn what_shapes_the_allocation_stays_the_same() {
    for path in [
        "nodes.servers.gpus",
        "nodes.servers.partition",
        "nodes.clients.agents_per_node",
        "nodes.clients.cpus",
        "nodes.orchestrator.placement",
        "nodes.servers",
        "nodes.server.count",
        "nodes",
    ] {
        let words = refused(
            &format!("{{matrix: {{{path}: [1, 2]}}}}"),
            "",
            Code::SweepPath,
            &format!("/sweep/matrix/{path}"),
        );
        assert!(
            words.contains("share one allocation")
                && words.contains("`nodes.servers.count`")
                && words.contains(&format!("--set {path}=VALUE")),
            "{words}"
        );
    }
}

#[test]
fn rules_about_nodes_hold_at_every_point() {
    refused(
        "{matrix: {nodes.servers.count: [1, 65]}}",
        "",
        Code::Resources,
        "/sweep/matrix/nodes.servers.count/1",
    );
    refused(
        "{matrix: {nodes.servers.count: [1, 0]}}",
        "",
        Code::WrongValue,
        "/sweep/matrix/nodes.servers.count/1",
    );
    refused(
        "{matrix: {nodes.clients.count: [1, many]}}",
        "",
        Code::WrongType,
        "/sweep/matrix/nodes.clients.count/1",
    );
    let shared = "nodes: {clients: {placement: with_servers}}\nlaunch: {mode: slurm}\n";
    let words = refused(
        "{matrix: {nodes.servers.count: [1, 2], nodes.clients.count: [1, 2]}}",
        shared,
        Code::Resources,
        "/sweep/matrix/nodes.clients.count/1",
    );
    assert!(words.contains("2 of the former, 1 of the latter"), "{words}");
    plan(
        "{zip: [{nodes.servers.count: [1, 2], nodes.clients.count: [1, 2]}]}",
        shared,
    );
    // 64 requests in flight are too few for 65 clients.
    let checked = check(&recipe(
        "{matrix: {nodes.clients.count: [64, 65]}}",
        "launch: {mode: slurm}\n",
    ));
    let found: Vec<_> = checked.diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(found, [Code::IdleClients], "{:#?}", checked.diagnostics);
}

#[test]
fn a_service_that_runs_already_does_not_become_more() {
    let recipe = recipe(
        "{matrix: {nodes.servers.count: [1, 2], nodes.clients.count: [1, 2]}}",
        "",
    );
    let running = "{kind: openai, model: m, endpoints: [\"http://127.0.0.1:8000/v1\"]}";
    let checked = check(&recipe.replace("{kind: simulator}", running));
    let found: Vec<_> = checked
        .diagnostics
        .iter()
        .map(|d| (d.code, d.pointer.as_str()))
        .collect();
    assert_eq!(
        found,
        [(Code::NoEffect, "/sweep/matrix/nodes.servers.count/1")],
        "{:#?}",
        checked.diagnostics
    );
}

#[test]
fn idle_nodes_are_counted() {
    let sweep = "{matrix: {nodes.servers.count: [1, 4], nodes.clients.count: [1, 2]}}";
    let idle = |placement: &str| {
        let more = format!("nodes: {{clients: {{placement: {placement}}}}}\nlaunch: {{mode: slurm}}\n");
        let sweep = match placement {
            "dedicated" => sweep,
            _ => "{zip: [{nodes.servers.count: [1, 4], nodes.clients.count: [1, 2]}]}",
        };
        let plan = plan(sweep, &more);
        let hosts: Vec<u32> = plan.trials.iter().map(|trial| plan.idle_hosts(trial)).collect();
        (
            hosts,
            estimate(&plan).idle_node_seconds / (30.0 + TRIAL_OVERHEAD_SECONDS),
        )
    };
    assert_eq!(idle("dedicated"), (vec![4, 3, 1, 0], 8.0));
    assert_eq!(idle("with_servers"), (vec![3, 0], 3.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the numbers: every trial finds its nodes in the plan, and no node is there for nothing.
    #[test]
    fn nodes_are_those_of_the_trial_with_the_most(
        servers in proptest::collection::btree_set(1u32..9, 1..4),
        clients in proptest::collection::btree_set(1u32..9, 1..4),
        agents in 1u32..4,
    ) {
        let (servers, clients) = (Vec::from_iter(servers), Vec::from_iter(clients));
        let plan = plan(
            &format!("{{matrix: {{nodes.servers.count: {servers:?}, nodes.clients.count: {clients:?}}}}}"),
            &format!("nodes: {{clients: {{agents_per_node: {agents}}}}}\n"),
        );
        let mut seen = BTreeSet::new();
        for trial in &plan.trials {
            let wanted = |path: &str| trial.parameters[path].as_u64().unwrap() as usize;
            let service = &plan.services[trial.service];
            let on: Vec<_> = plan.servers_of(service).collect();
            let from: Vec<_> = plan.clients_of(trial).collect();
            prop_assert_eq!(on.len(), wanted("nodes.servers.count"));
            prop_assert_eq!(from.len(), wanted("nodes.clients.count") * agents as usize);
            seen.extend(on.into_iter().chain(from).map(|node| node.node.clone()));
        }
        prop_assert_eq!(seen.len() + 1, plan.nodes.len());
        prop_assert_eq!(plan.services.len(), servers.len());
    }
}
