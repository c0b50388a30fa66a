//! Runs whose machines lose their power or their cable in the middle of a trial.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use hpcbench_tests::sound::expect_verified;
use hpcbench_tests::{Cluster, Profile, Recipe, Submission, of_type, terminal, wait_until};
use serde_json::Value;

use crate::SOON;
use crate::submit::{RUN, slow};

/// The loss is noticed, the node is asked for again in vain, and the run goes on without it.
const GONE: Duration = Duration::from_mins(3);

/// What happens to a node.
#[derive(Debug, Clone, Copy)]
enum Accident {
    Power,
    Cable,
}

impl Accident {
    fn happen(self, cluster: &Cluster, host: &str) -> Result<()> {
        match self {
            Self::Power => cluster.power_off(host),
            Self::Cable => cluster.cut(host),
        }
    }

    /// The node is as it was, for the next test of the same cluster.
    fn undo(self, cluster: &Cluster, host: &str) -> Result<()> {
        match self {
            Self::Power => {
                // Nobody was there to clean up.
                for entry in fs::read_dir(cluster.local_tmp(host))? {
                    fs::remove_dir_all(entry?.path())?;
                }
                cluster.power_on(host)?;
            }
            Self::Cable => cluster.join(host)?,
        }
        wait_until(SOON * 2, "the node to be back", || {
            Ok((cluster.node_state(host).unwrap_or_default() == "idle").then_some(()))
        })
    }
}

/// Two trials on these nodes, of which the second is under load when the accident happens.
fn recipe(nodes: &str, launch: &str) -> Recipe {
    slow()
        .workload("duration", "3s")
        .levels(&[4, 8])
        .top("nodes", nodes)
        .top(
            "launch",
            &format!("{{mode: slurm, time_limit: \"00:10:00\", {launch}}}"),
        )
}

/// The host that a node of the run was on first.
fn host_of(events: &[Value], node: &str) -> Result<String> {
    let started = of_type(events, "job.started");
    let host = started
        .first()
        .and_then(|event| event["data"]["hosts"][node].as_str());
    host.map(str::to_owned)
        .with_context(|| format!("no host of {node}"))
}

/// The reason of the trial's interruption, of which there is one.
fn interruption(events: &[Value]) -> Result<String> {
    let interrupted = of_type(events, "trial.interrupted");
    let reasons: Vec<String> = interrupted
        .iter()
        .map(|event| event["data"]["reason"].as_str().unwrap_or_default().to_owned())
        .collect();
    ensure!(reasons.len() == 1, "interruptions: {reasons:?}");
    reasons.into_iter().next().context("no interruption")
}

/// A run that goes on without one of its clients and one of its servers.
fn goes_on_without(cluster: &Cluster, lost: [&str; 2], accident: Accident) -> Result<()> {
    let nodes = "{servers: {count: 2}, clients: {count: 2}, orchestrator: {placement: dedicated}}";
    let launch = "on_node_loss: continue, orphan_timeout: 5s";
    let submission = Submission::of(cluster, &recipe(nodes, launch))?;
    let job = submission.submit()?;
    let events = submission.wait_events(2, "load.started", RUN)?;
    let hosts = lost.map(|node| host_of(&events, node));
    for host in &hosts {
        accident.happen(cluster, host.as_ref().map_err(|error| anyhow!("{error}"))?)?;
    }
    submission.wait_events(1, "run.completed", GONE)?;
    submission.wait_end(&job, SOON)?;
    let events = submission.events()?;
    let reason = interruption(&events)?;
    ensure!(
        lost.iter()
            .any(|node| reason.contains(&format!("node {node} was lost"))),
        "{reason}"
    );
    let given_up: BTreeSet<&str> = of_type(&events, "node.given_up")
        .iter()
        .filter_map(|event| event["data"]["node"].as_str())
        .collect();
    ensure!(
        given_up == BTreeSet::from(lost),
        "{given_up:?}\n{}",
        submission.diagnosis()
    );
    let completed = of_type(&events, "trial.completed");
    ensure!(completed.len() == 2, "{}", submission.diagnosis());
    // What is left measures, and says that it is not what was asked for.
    let (whole, rest) = (&completed[0]["data"], &completed[1]["data"]);
    ensure!(whole["attempt"] == 1 && rest["attempt"] == 2, "{whole} {rest}");
    let verdict = &rest["summary"]["verdict"];
    ensure!(verdict["status"] != "valid", "{verdict}");
    let reasons = verdict["reasons"].to_string();
    ensure!(lost.iter().all(|node| reasons.contains(node)), "{verdict}");
    assert_eq!(terminal(&events)?["data"]["exit_code"], 1);
    expect_verified(submission.workdir())?;
    // Whoever is cut off ends by itself. Once the node is back, Slurm would kill it in the midst of that.
    submission.workdir().expect_no_process(GONE)?;
    for host in hosts {
        accident.undo(cluster, &host?)?;
    }
    submission.expect_nothing_left()
}

#[test]
fn a_run_goes_on_without_nodes_that_lost_their_power() -> Result<()> {
    let Some(cluster) = Cluster::up(
        "a_run_goes_on_without_nodes_that_lost_their_power",
        Profile::Plain,
    )?
    else {
        return Ok(());
    };
    goes_on_without(&cluster, ["client-2", "server-1"], Accident::Power)
}

#[test]
fn a_run_goes_on_without_nodes_that_lost_their_cable() -> Result<()> {
    let Some(cluster) = Cluster::up(
        "a_run_goes_on_without_nodes_that_lost_their_cable",
        Profile::Plain,
    )?
    else {
        return Ok(());
    };
    goes_on_without(&cluster, ["client-1", "server-2"], Accident::Cable)
}

/// A run whose agents lose the orchestrator: one of them has the job started again, elsewhere.
fn goes_on_elsewhere(cluster: &Cluster, accident: Accident) -> Result<()> {
    let nodes = "{servers: {count: 1}, clients: {count: 1}, orchestrator: {placement: dedicated}}";
    let submission = Submission::of(cluster, &recipe(nodes, "orphan_timeout: 5s"))?;
    let job = submission.submit()?;
    let events = submission.wait_events(2, "load.started", RUN)?;
    let host = host_of(&events, "orchestrator")?;
    accident.happen(cluster, &host)?;
    submission.wait_events(1, "run.completed", GONE)?;
    let ended = submission.wait_end(&job, SOON)?;
    ensure!(!ended.nodes.contains(&host), "it ran on {} again", ended.nodes);
    let events = submission.events()?;
    interruption(&events)?;
    // The submission, the job's first start and its second: once, however many agents were left.
    assert_eq!(of_type(&events, "epoch.started").len(), 3);
    let completed = of_type(&events, "trial.completed");
    let attempts: Vec<&Value> = completed.iter().map(|event| &event["data"]["attempt"]).collect();
    ensure!(attempts == [1, 2], "attempts: {attempts:?}");
    ensure!(
        of_type(&events, "job.started")[1]["data"]["restarts"] == 1,
        "{}",
        submission.diagnosis()
    );
    expect_verified(submission.workdir())?;
    accident.undo(cluster, &host)?;
    submission.expect_nothing_left()
}

#[test]
fn a_run_goes_on_elsewhere_when_the_orchestrators_node_is_gone() -> Result<()> {
    let test = "a_run_goes_on_elsewhere_when_the_orchestrators_node_is_gone";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    for accident in [Accident::Power, Accident::Cable] {
        goes_on_elsewhere(&cluster, accident).with_context(|| format!("{accident:?}"))?;
    }
    Ok(())
}

/// A run on two nodes that must not go on without its server.
fn in_need_of_its_server<'c>(cluster: &'c Cluster, on_node_loss: &str) -> Result<(Submission<'c>, String)> {
    let launch = format!("on_node_loss: {on_node_loss}, orphan_timeout: 5s");
    let submission = Submission::of(
        cluster,
        &recipe("{servers: {count: 1}, clients: {count: 1}}", &launch),
    )?;
    let job = submission.submit()?;
    Ok((submission, job))
}

/// The job went back into the queue, and its second start has other nodes.
fn expect_requeued(submission: &Submission<'_>, job: &str, lost: &str) -> Result<()> {
    submission.wait_events(1, "run.completed", GONE)?;
    let ended = submission.wait_end(job, SOON)?;
    ensure!(!ended.nodes.contains(lost), "it ran on {} again", ended.nodes);
    let events = submission.events()?;
    let reason = interruption(&events)?;
    ensure!(reason.contains("node server was lost"), "{reason}");
    let paused = of_type(&events, "run.paused");
    ensure!(
        paused.len() == 1 && paused[0]["data"]["afterwards"] == "requeue",
        "{paused:#?}"
    );
    ensure!(
        of_type(&events, "job.started")[1]["data"]["restarts"] == 1,
        "{}",
        submission.diagnosis()
    );
    let completed = of_type(&events, "trial.completed");
    let attempts: Vec<&Value> = completed.iter().map(|event| &event["data"]["attempt"]).collect();
    ensure!(attempts == [1, 2], "attempts: {attempts:?}");
    expect_verified(submission.workdir()).map(drop)
}

/// The run ended as one that somebody can resume, and its job with it.
fn expect_stopped(submission: &Submission<'_>, job: &str) -> Result<()> {
    let events = submission.wait_events(1, "run.paused", GONE)?;
    submission.wait_end(job, SOON * 2)?;
    let paused = &of_type(&events, "run.paused")[0]["data"];
    ensure!(
        paused["afterwards"] == "wait" && paused["reason"].to_string().contains("node server was lost"),
        "{paused:#}"
    );
    let reason = interruption(&events)?;
    ensure!(reason.contains("node server was lost"), "{reason}");
    let status = submission.status()?;
    ensure!(
        status["state"] == "interrupted" && status["trials"]["completed"] == 1,
        "{status:#}"
    );
    expect_verified(submission.workdir()).map(drop)
}

#[test]
fn a_lost_server_puts_its_job_back_into_the_queue_or_ends_it() -> Result<()> {
    let test = "a_lost_server_puts_its_job_back_into_the_queue_or_ends_it";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    // Both at a time, on four nodes: the fifth is for the job that starts again.
    let (requeued, first) = in_need_of_its_server(&cluster, "requeue")?;
    let (stopped, second) = in_need_of_its_server(&cluster, "stop")?;
    let mut hosts = Vec::new();
    for submission in [&requeued, &stopped] {
        let events = submission.wait_events(2, "load.started", RUN)?;
        hosts.push(host_of(&events, "server")?);
        Accident::Power.happen(&cluster, &hosts[hosts.len() - 1])?;
    }
    expect_stopped(&stopped, &second)?;
    expect_requeued(&requeued, &first, &hosts[0])?;
    for host in &hosts {
        Accident::Power.undo(&cluster, host)?;
    }
    for submission in [requeued, stopped] {
        submission.expect_nothing_left()?;
    }
    Ok(())
}
