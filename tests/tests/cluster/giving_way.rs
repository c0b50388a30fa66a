//! Runs whose jobs give way to others.

use std::time::Duration;

use anyhow::{Result, ensure};
use hpcbench_tests::sound::expect_verified;
use hpcbench_tests::{Cluster, Profile, Recipe, Submission, of_type};
use serde_json::Value;

use crate::SOON;
use crate::submit::{RUN, slow};

/// The other job takes its time, and the first one is started again.
const AGAIN: Duration = Duration::from_mins(3);

/// Two trials in this partition. The memory of a suspended job is not given to others, so that it must not take all.
fn recipe(partition: &str) -> Recipe {
    slow().workload("duration", "6s").levels(&[4, 8]).top(
        "launch",
        &format!(
            "{{mode: slurm, partition: {partition}, account: p200001, time_limit: \"00:10:00\", exclusive: true}}"
        ),
    )
    .top("nodes", "{servers: {memory: 400MiB}, clients: {memory: 400MiB}}")
}

/// Submits a job that outranks the run's, for all nodes without GPUs, and waits until it has had them.
fn rival(cluster: &Cluster, submission: &Submission<'_>) -> Result<()> {
    let rival = cluster.sbatch(
        submission.workdir(),
        &[
            "-A",
            "p200002",
            "-p",
            "cpu",
            "-N3",
            "--exclusive",
            "--mem=500",
            "--wrap",
            "sleep 6",
        ],
    )?;
    cluster
        .wait_job(&rival, &["RUNNING", "COMPLETED"], SOON)
        .map(drop)
}

fn reasons(events: &[Value]) -> Vec<String> {
    let interrupted = of_type(events, "trial.interrupted");
    interrupted
        .iter()
        .map(|event| event["data"]["reason"].to_string())
        .collect()
}

#[test]
fn a_suspended_run_measures_again_and_has_lost_no_node() -> Result<()> {
    let test = "a_suspended_run_measures_again_and_has_lost_no_node";
    let Some(cluster) = Cluster::up(test, Profile::Site)? else {
        return Ok(());
    };
    let submission = Submission::of(&cluster, &recipe("suspended"))?;
    let job = submission.submit()?;
    submission.wait_events(1, "load.started", RUN)?;
    rival(&cluster, &submission)?;
    cluster.wait_job(&job, &["SUSPENDED"], SOON)?;
    submission.wait_events(1, "run.completed", AGAIN)?;
    submission.wait_end(&job, SOON)?;
    let events = submission.events()?;
    let reasons = reasons(&events);
    ensure!(
        !reasons.is_empty() && reasons.iter().all(|reason| reason.starts_with("\"suspended: ")),
        "{reasons:?}\n{}",
        submission.diagnosis()
    );
    ensure!(
        of_type(&events, "node.lost").is_empty(),
        "{}",
        submission.diagnosis()
    );
    ensure!(
        of_type(&events, "trial.completed").len() == 2,
        "{}",
        submission.diagnosis()
    );
    // It is the same life of the same job.
    assert_eq!(of_type(&events, "epoch.started").len(), 2);
    expect_verified(submission.workdir())?;
    submission.expect_nothing_left()
}

#[test]
fn a_run_that_was_preempted_goes_on_in_its_jobs_next_life() -> Result<()> {
    let test = "a_run_that_was_preempted_goes_on_in_its_jobs_next_life";
    let Some(cluster) = Cluster::up(test, Profile::Site)? else {
        return Ok(());
    };
    let submission = Submission::of(&cluster, &recipe("requeued"))?;
    let job = submission.submit()?;
    submission.wait_events(2, "load.started", RUN)?;
    rival(&cluster, &submission)?;
    submission.wait_events(1, "run.completed", AGAIN)?;
    submission.wait_end(&job, SOON)?;
    let events = submission.events()?;
    let reasons = reasons(&events);
    ensure!(reasons.len() == 1, "{reasons:?}\n{}", submission.diagnosis());
    assert_eq!(of_type(&events, "epoch.started").len(), 3);
    let completed = of_type(&events, "trial.completed");
    let attempts: Vec<&Value> = completed.iter().map(|event| &event["data"]["attempt"]).collect();
    // What was complete before is not measured again.
    ensure!(attempts == [1, 2], "attempts: {attempts:?}");
    expect_verified(submission.workdir())?;
    submission.expect_nothing_left()
}
