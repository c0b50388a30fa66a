//! Trials on more and fewer nodes of one job.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use hpcbench_tests::sound::expect_verified;
use hpcbench_tests::{Cluster, Profile, Submission, of_type, summary, terminal};
use serde_json::Value;

use crate::submit::{RUN, slow};

fn names<'v>(found: impl Iterator<Item = &'v Value>) -> BTreeSet<&'v str> {
    found.filter_map(Value::as_str).collect()
}

#[test]
fn a_job_has_the_nodes_of_its_largest_trial_and_each_trial_its_own() -> Result<()> {
    let test = "a_job_has_the_nodes_of_its_largest_trial_and_each_trial_its_own";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let recipe = slow().workload("duration", "2s").top(
        "sweep",
        "{zip: [{nodes.servers.count: [1, 2], nodes.clients.count: [1, 2], workload.load.concurrency: [8, 16]}]}",
    );
    let submission = Submission::of(&cluster, &recipe)?;
    let job = submission.submit()?;
    let ended = submission.wait_end(&job, RUN)?;
    ensure!(ended.nodes == "node[1-5]", "{ended:?}");
    let events = submission.events()?;
    ensure!(terminal(&events)?["type"] == "run.completed", "{events:#?}");
    let joined = of_type(&events, "node.joined");
    let hosts: BTreeMap<&str, &str> = joined
        .iter()
        .filter_map(|event| {
            Some((
                event["data"]["node"].as_str()?,
                event["data"]["facts"]["host"].as_str()?,
            ))
        })
        .collect();
    ensure!(
        hosts.len() == 5 && hosts.values().collect::<BTreeSet<_>>().len() == 5,
        "{hosts:?}"
    );
    let trials = summary::trials(&submission.run())?;
    let wanted: [(&[&str], &[&str]); 2] = [
        (&["server-1"], &["client-1"]),
        (&["server-1", "server-2"], &["client-1", "client-2"]),
    ];
    ensure!(trials.len() == wanted.len(), "{trials:#?}");
    for (trial, (servers, clients)) in trials.iter().zip(wanted) {
        let of_trial = |kind: &str| {
            let events = of_type(&events, kind).into_iter();
            let events = events.filter(|event| event["data"]["trial"] == trial["id"]);
            names(events.map(|event| &event["data"]["node"]))
        };
        let (observed, shares) = (of_trial("service.observed"), of_trial("share.reported"));
        ensure!(observed.iter().eq(servers), "{observed:?}");
        ensure!(shares.iter().eq(clients), "{shares:?}");
        ensure!(trial["verdict"]["status"] != "invalid", "{trial:#}");
    }
    expect_verified(submission.workdir())?;
    submission.expect_nothing_left()
}
