//! Jobs whose time is nearly up.

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Cluster, Profile, Submission, data, of_type};
use serde_json::Value;

use crate::SOON;
use crate::submit::{RUN, sweep};

/// A submitted sweep of three trials whose job gets its warning in the middle of trial number `during`, as Slurm sends it: to
/// the batch shell alone. Returns the job's id and the events until the run paused.
fn warned(cluster: &Cluster, submission: &Submission<'_>, during: usize) -> Result<(String, Vec<Value>)> {
    let job = submission.submit()?;
    let events = warn(cluster, submission, &job, during)?;
    Ok((job, events))
}

/// Warns the job in the middle of trial number `during`.
fn warn(cluster: &Cluster, submission: &Submission<'_>, job: &str, during: usize) -> Result<Vec<Value>> {
    submission.wait_events(during, "load.started", RUN)?;
    let warning = cluster.on_login(submission.workdir());
    let warning = warning.args(["scancel", "--batch", "--signal=USR1", job]);
    warning.run()?.expect_code(0)?;
    let events = submission.wait_events(1, "run.paused", SOON)?;
    let interrupted = data(&events, "trial.interrupted")?["reason"].to_string();
    ensure!(
        interrupted.contains("SIGUSR1: the job's time is nearly up"),
        "{interrupted}"
    );
    Ok(events)
}

fn recipe(on_time_limit: &str) -> hpcbench_tests::Recipe {
    sweep(3).top(
        "launch",
        &format!("{{mode: slurm, time_limit: \"00:05:00\", on_time_limit: {on_time_limit}}}"),
    )
}

#[test]
fn a_run_whose_time_is_up_stops_or_has_another_job_submitted() -> Result<()> {
    let test = "a_run_whose_time_is_up_stops_or_has_another_job_submitted";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    // Slurm's own warning. It looks every half a minute, and warns in time: before the run looks at the clock itself.
    let recipe_of_two_minutes = sweep(40).top(
        "launch",
        "{mode: slurm, time_limit: \"00:02:00\", stop_before: 75s, on_time_limit: stop}",
    );
    let stopping = Submission::of(&cluster, &recipe_of_two_minutes)?;
    let job = stopping.submit()?;
    let events = stopping.wait_events(1, "run.paused", RUN)?;
    let reason = data(&events, "job.ending")?["reason"].to_string();
    ensure!(
        reason.contains("SIGUSR1: the job's time is nearly up"),
        "{reason}"
    );
    ensure!(data(&events, "run.paused")?["afterwards"] == "wait");
    let ended = stopping.wait_end(&job, SOON)?;
    ensure!(ended.state == "FAILED", "{ended:?}");
    ensure!(stopping.status()?["state"] == "interrupted");
    stopping.expect_nothing_left()?;

    let resubmitted = Submission::of(&cluster, &recipe("resubmit"))?;
    let (job, events) = warned(&cluster, &resubmitted, 2)?;
    ensure!(data(&events, "run.paused")?["afterwards"] == "resubmit");
    let events = resubmitted.wait_events(1, "run.completed", RUN)?;
    let started = of_type(&events, "job.started");
    let next = started.last().context("no job")?["data"]["job"].as_str();
    let next = next.filter(|next| *next != job).context("it is the same job")?;
    let requested = of_type(&events, "job.requested");
    let command = requested.last().context("no request")?["data"]["command"].to_string();
    ensure!(
        command.contains(&format!("--dependency=afterany:{job}")),
        "{command}"
    );
    resubmitted.wait_end(next, SOON)?;
    resubmitted.expect_sound(3)
}

#[test]
fn where_a_job_may_not_be_requeued_another_one_is_submitted() -> Result<()> {
    let test = "where_a_job_may_not_be_requeued_another_one_is_submitted";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let submission = Submission::of(&cluster, &recipe("requeue"))?;
    let job = submission.submit()?;
    submission.wait_events(1, "load.started", RUN)?;
    let forbidden = cluster.on_login(submission.workdir());
    let forbidden = forbidden.args(["scontrol", "update", &format!("jobid={job}"), "requeue=0"]);
    forbidden.run()?.expect_code(0)?;
    let events = warn(&cluster, &submission, &job, 2)?;
    ensure!(data(&events, "run.paused")?["afterwards"] == "requeue");
    let events = submission.wait_events(1, "run.completed", RUN)?;
    let started = of_type(&events, "job.started");
    let next = started.last().context("no job")?["data"]["job"].as_str();
    let next = next.filter(|next| *next != job).context("it is the same job")?;
    ensure!(
        submission.output().contains("it cannot: scontrol failed"),
        "{}",
        submission.diagnosis()
    );
    submission.wait_end(next, SOON)?;
    submission.expect_sound(3)
}

#[test]
fn a_run_whose_time_is_up_goes_back_into_the_queue_unless_that_was_for_nothing() -> Result<()> {
    let test = "a_run_whose_time_is_up_goes_back_into_the_queue_unless_that_was_for_nothing";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let fruitless = Submission::of(&cluster, &recipe("requeue"))?;
    let (job, events) = warned(&cluster, &fruitless, 1)?;
    ensure!(
        data(&events, "run.paused")?["afterwards"] == "wait",
        "a job that has settled no trial is repeated"
    );
    let ended = fruitless.wait_end(&job, SOON)?;
    ensure!(ended.state == "FAILED", "{ended:?}");

    let requeued = Submission::of(&cluster, &recipe("requeue"))?;
    let (job, events) = warned(&cluster, &requeued, 2)?;
    ensure!(data(&events, "run.paused")?["afterwards"] == "requeue");
    let events = requeued.wait_events(1, "run.completed", RUN)?;
    let [paused, started] = ["run.paused", "job.started"].map(|kind| of_type(&events, kind));
    ensure!(
        started.len() == 2 && started[1]["causation"] == paused[0]["seq"],
        "{started:#?}"
    );
    requeued.wait_end(&job, SOON)?;
    requeued.expect_sound(3)
}

#[test]
fn no_trial_is_started_that_its_job_has_no_time_for() -> Result<()> {
    let test = "no_trial_is_started_that_its_job_has_no_time_for";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    // Slurm's own warning, which may come a minute early, is still to come.
    let recipe = sweep(1)
        .top(
            "launch",
            "{mode: slurm, time_limit: \"00:03:00\", stop_before: 30s}",
        )
        .top("sweep", "{matrix: {workload.duration: [5s, 148s]}}");
    let submission = Submission::of(&cluster, &recipe)?;
    let job = submission.submit()?;
    let events = submission.wait_events(1, "run.paused", RUN)?;
    let ended = submission.wait_end(&job, SOON)?;
    ensure!(ended.state == "FAILED", "{ended:?}");
    let reason = data(&events, "job.ending")?["reason"].to_string();
    ensure!(
        reason.contains("takes 148 s at least, and 1") && of_type(&events, "trial.started").len() == 1,
        "{reason}"
    );
    submission.expect_nothing_left()
}
