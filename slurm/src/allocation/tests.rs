use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::environment::counts;
use super::*;
use crate::layout::testing::{example, generic, plan, two_partitions};
use crate::layout::{Layout, layout};
use crate::step::srun_argv;

fn read(variables: &[(&str, &str)]) -> Result<Option<Allocation>, AllocationError> {
    let variables: BTreeMap<String, String> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Allocation::from_env(&|name| variables.get(name).cloned())
}

fn one_component(hosts: &str, cpus: &str) -> Allocation {
    let variables = [
        ("SLURM_JOB_ID", "17"),
        ("SLURM_JOB_NODELIST", hosts),
        ("SLURM_JOB_CPUS_PER_NODE", cpus),
        ("SLURM_JOB_PARTITION", "main"),
        ("SLURM_RESTART_COUNT", "2"),
        ("SLURM_CLUSTER_NAME", "testbed"),
        ("SLURM_JOB_END_TIME", "1795579200"),
    ];
    read(&variables).unwrap().unwrap()
}

fn two_components() -> Allocation {
    let variables = [
        ("SLURM_JOB_ID", "17"),
        ("SLURM_HET_SIZE", "2"),
        ("SLURM_JOB_NODELIST", "c[1-2]"),
        ("SLURM_JOB_NODELIST_HET_GROUP_0", "c[1-2]"),
        ("SLURM_JOB_NODELIST_HET_GROUP_1", "g[1-2]"),
        ("SLURM_JOB_CPUS_PER_NODE_HET_GROUP_0", "128(x2)"),
        ("SLURM_JOB_PARTITION_HET_GROUP_0", "cpu"),
        ("SLURM_JOB_PARTITION_HET_GROUP_1", "gpu"),
    ];
    read(&variables).unwrap().unwrap()
}

fn places(layout: &Layout, allocation: &Allocation) -> Vec<String> {
    let placed = assign(layout, allocation).unwrap();
    placed
        .values()
        .map(|place| format!("{} {} {}", place.node, place.host, place.component))
        .collect()
}

#[test]
fn there_may_be_no_job() {
    assert_eq!(read(&[]), Ok(None));
    assert_eq!(read(&[("SLURM_JOB_ID", "")]), Ok(None));
}

#[test]
fn variables_that_contradict_each_other_are_named() {
    for (variables, word) in [
        (vec![("SLURM_JOB_ID", "x")], "SLURM_JOB_ID"),
        (vec![("SLURM_JOB_ID", "7")], "SLURM_JOB_NODELIST is not set"),
        (
            vec![("SLURM_JOB_ID", "7"), ("SLURM_JOB_NODELIST", "a[")],
            "not a list of hosts",
        ),
        (
            vec![("SLURM_JOB_ID", "7"), ("SLURM_HET_SIZE", "999")],
            "SLURM_HET_SIZE",
        ),
        (
            vec![("SLURM_JOB_ID", "7"), ("SLURM_HET_SIZE", "1")],
            "SLURM_JOB_NODELIST_HET_GROUP_0",
        ),
    ] {
        let message = read(&variables).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn a_job_is_read() {
    let allocation = one_component("node[1-5]", "4(x3),2(x2)");
    assert_eq!((allocation.job, allocation.restarts), (JobId::new(17), 2));
    assert_eq!(allocation.host_count(), 5);
    assert_eq!(allocation.components[0].hosts[4].cpus, Some(2));
    assert_eq!(allocation.ends_at, Some(UnixTime::from_seconds(1_795_579_200)));
    assert_eq!(allocation.partitions(), ["main"]);
    let heterogeneous = two_components();
    assert!(heterogeneous.is_heterogeneous());
    assert_eq!(heterogeneous.partitions(), ["cpu", "gpu"]);
    assert_eq!(heterogeneous.components[1].hosts[0].cpus, None);
}

#[test]
fn each_node_gets_a_host() {
    let example = layout(&example(), &generic()).unwrap();
    let allocation = one_component("node[1-5]", "4(x5)");
    assert_eq!(
        places(&example, &allocation),
        [
            "client-1 node4 0",
            "client-2 node5 0",
            "orchestrator node1 0",
            "server-1 node2 0",
            "server-2 node3 0"
        ]
    );
    let two = layout(&two_partitions(), &generic()).unwrap();
    assert_eq!(
        places(&two, &two_components()),
        [
            "client-1 c1 0",
            "client-2 c2 0",
            "orchestrator c1 0",
            "server-1 g1 1",
            "server-2 g2 1"
        ]
    );
}

#[test]
fn an_allocation_made_by_hand_may_be_of_one_piece() {
    let two = layout(&two_partitions(), &generic()).unwrap();
    assert_eq!(
        places(&two, &one_component("n[1-4]", "128(x4)")),
        [
            "client-1 n1 0",
            "client-2 n2 0",
            "orchestrator n1 0",
            "server-1 n3 0",
            "server-2 n4 0"
        ]
    );
    let example = layout(&example(), &generic()).unwrap();
    let error = assign(&example, &two_components()).unwrap_err();
    assert!(
        matches!(
            error,
            AssignError::Components {
                wanted: 1,
                granted: 2
            }
        ),
        "{error}"
    );
}

#[test]
fn the_orchestrator_is_where_this_process_is() {
    let example = layout(&example(), &generic()).unwrap();
    let mut allocation = one_component("node[1-5]", "4(x5)");
    allocation.here = Some("node3".to_owned());
    let placed = assign(&example, &allocation).unwrap();
    assert_eq!(placed[&"orchestrator".parse().unwrap()].host, "node3");
    assert_eq!(placed[&"server-1".parse().unwrap()].host, "node1");
}

#[test]
fn what_is_missing_is_named() {
    let example = layout(&example(), &generic()).unwrap();
    let message = assign(&example, &one_component("node[1-3]", "4(x3)"))
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "the allocation has 3 nodes, and the run needs 5: none is left for client-1, client-2"
    );
    let nodes = json!({"servers": {"cpus": 8}});
    let large = layout(&plan(json!({}), nodes), &generic()).unwrap();
    let message = assign(&large, &one_component("node[1-2]", "4(x2)"))
        .unwrap_err()
        .to_string();
    assert_eq!(message, "server needs 8 CPUs, and the job has 4 on node2");
}

fn step(layout: &Layout, allocation: &Allocation, node: &str) -> String {
    let placed = assign(layout, allocation).unwrap();
    let place = &placed[&node.parse().unwrap()];
    let arguments = srun_argv(allocation, place);
    let arguments: Vec<String> = arguments
        .into_iter()
        .map(|text| text.into_string().unwrap())
        .collect();
    arguments.join(" ")
}

#[test]
fn steps_get_gpus_where_they_belong() {
    let example = layout(&example(), &generic()).unwrap();
    let allocation = one_component("node[1-5]", "4(x5)");
    let manner = "--cpu-bind=none --mem=0 --mpi=none --input=none --wait=0 --kill-on-bad-exit=0 --no-kill";
    assert_eq!(
        step(&example, &allocation, "client-2"),
        format!("srun --job-name=client-2 -N1 -n1 -w node5 --overlap -c 4 {manner} --gres=none")
    );
    assert_eq!(
        step(&example, &allocation, "server-1"),
        format!("srun --job-name=server-1 -N1 -n1 -w node2 --overlap -c 4 {manner} --gres=gpu:2")
    );
}

#[test]
fn steps_of_heterogeneous_jobs_name_their_group() {
    let two = layout(&two_partitions(), &generic()).unwrap();
    let server = step(&two, &two_components(), "server-2");
    assert!(
        server.contains(" --het-group=1 -N1 -n1 -w g2 --overlap -c 32 "),
        "{server}"
    );
    let client = step(&two, &two_components(), "client-1");
    assert!(
        client.contains(" --het-group=0 ") && client.contains(" -c 16 "),
        "{client}"
    );
}

#[test]
fn counts_that_do_not_fit_are_none() {
    assert_eq!(counts("4(x2),2", 3), Some(vec![4, 4, 2]));
    for (text, hosts) in [
        ("4", 2),
        ("4(x2)", 1),
        ("", 0),
        ("x", 1),
        ("4(x", 1),
        ("4(x99999999999)", 1),
    ] {
        assert_eq!(counts(text, hosts), None, "{text}");
    }
}

proptest! {
    #[test]
    fn counts_never_panic(text in "[0-9x(),]{0,30}", hosts in 0usize..9) {
        let _ = counts(&text, hosts);
    }
}
