//! Rules about the run: its nodes, its job and its report.

use super::{assert_found, with};
use crate::Code;
use crate::testing::check;

#[test]
fn rules_about_the_run_name_their_section() {
    for (section, code, pointer) in [
        ("launch: {partition: gpu}\n", Code::NoEffect, "/launch/partition"),
        (
            "storage: {stage_model: true}\n",
            Code::NoEffect,
            "/storage/stage_model",
        ),
        (
            "nodes: {clients: {count: 65}}\n",
            Code::Resources,
            "/nodes/clients/count",
        ),
        (
            "nodes: {servers: {gpus: 4, instances_per_node: 3, gpus_per_instance: 2}}\n",
            Code::Resources,
            "/nodes/servers/gpus_per_instance",
        ),
        (
            "nodes: {servers: {gpus: 2, instances_per_node: 4}}\n",
            Code::Resources,
            "/nodes/servers/instances_per_node",
        ),
        (
            "nodes: {servers: {gpus: 4, instances_per_node: 3}}\n",
            Code::ServiceAdvice,
            "/nodes/servers/instances_per_node",
        ),
        (
            "nodes: {clients: {cpu_bind: numa}}\n",
            Code::Unsupported,
            "/nodes/clients/cpu_bind",
        ),
        (
            "report: {formats: [json, html]}\n",
            Code::Unsupported,
            "/report/formats/1",
        ),
        (
            "monitoring: {scrape_interval: 0s}\n",
            Code::EmptyWindow,
            "/monitoring/scrape_interval",
        ),
    ] {
        let checked = check(&with(section).replace("concurrency: 10", "concurrency: 1000"));
        let places: Vec<_> = checked
            .diagnostics
            .iter()
            .map(|d| (d.code, d.pointer.as_str()))
            .collect();
        assert_eq!(places, [(code, pointer)], "{section}");
    }
    for section in [
        "launch: {mode: slurm, partition: gpu}\nnodes: {clients: {count: 200}}\n",
        "nodes: {servers: {gpus: 4, instances_per_node: 2}}\n",
        "nodes: {servers: {gpus: 2, instances_per_node: 4, gpus_per_instance: 0}}\n",
        "nodes: {servers: {count: 2, instances_per_node: 4}, clients: {count: 2, agents_per_node: 2}}\n",
    ] {
        assert_found(
            &with(section).replace("concurrency: 10", "concurrency: 1000"),
            &[],
        );
    }
}

#[test]
fn clients_are_counted_by_node_and_endpoint() {
    for (concurrency, section, code) in [
        // Two endpoints halve what each client node needs for one of them.
        (28_233, "nodes: {servers: {instances_per_node: 2}}\n", None),
        // In local mode all agents share the machine's ports.
        (28_233, "nodes: {clients: {count: 2}}\n", Some(Code::ClientLimits)),
        (
            28_233,
            "nodes: {clients: {count: 2}}\nlaunch: {mode: slurm}\n",
            None,
        ),
        (
            600_000,
            "nodes: {servers: {count: 64}}\n",
            Some(Code::ClientLimits),
        ),
        (
            3,
            "nodes: {clients: {count: 2, agents_per_node: 2}}\n",
            Some(Code::IdleClients),
        ),
        (4, "nodes: {clients: {count: 2, agents_per_node: 2}}\n", None),
    ] {
        let source = with(section).replace("concurrency: 10", &format!("concurrency: {concurrency}"));
        let checked = check(&source);
        let codes: Vec<_> = checked.diagnostics.iter().map(|d| d.code).collect();
        assert_eq!(
            codes,
            Vec::from_iter(code),
            "{section}: {:#?}",
            checked.diagnostics
        );
    }
}

#[test]
fn trials_fit_into_their_job() {
    for (launch, code) in [
        // Two of 30 s, and a second around each; a short job winds down after half of its time.
        ("time_limit: \"00:03:00\"", None),
        ("time_limit: \"00:01:00\"", Some(Code::TrialLength)),
        (
            "time_limit: \"00:02:00\", stop_before: 91s",
            Some(Code::TrialLength),
        ),
        (
            "time_limit: \"00:01:01\", stop_before: 30s",
            Some(Code::TimeLimit),
        ),
        (
            "time_limit: \"00:01:02\", stop_before: 31s, on_time_limit: requeue",
            None,
        ),
        ("partition: gpu", None),
    ] {
        let checked = check(&with(&format!(
            "launch: {{mode: slurm, {launch}}}\nsweep: {{repetitions: 2}}\n"
        )));
        let mut codes: Vec<_> = checked.diagnostics.iter().map(|d| d.code).collect();
        // A trial that does not fit is too long for the whole job as well.
        if code == Some(Code::TrialLength) {
            codes.retain(|code| *code != Code::TimeLimit);
        }
        assert_eq!(
            codes,
            Vec::from_iter(code),
            "{launch}: {:#?}",
            checked.diagnostics
        );
        assert_eq!(
            checked.plan.is_none(),
            code == Some(Code::TrialLength),
            "{launch}"
        );
    }
}
