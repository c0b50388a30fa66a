//! Runs that somebody ends before they have ended by themselves.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hpcbench_tests::sound::expect_verified;
use hpcbench_tests::{Cluster, Profile, Submission, data, kinds, of_type, terminal};

use crate::SOON;
use crate::heterogeneous::{in_partitions, site};
use crate::submit::{RUN, sweep};

/// Between the wish and the end of everything: Slurm kills after 30 s by default.
const END: Duration = Duration::from_secs(20);

#[test]
fn a_cancelled_job_says_why_its_trial_was_interrupted_and_a_new_one_goes_on() -> Result<()> {
    let test = "a_cancelled_job_says_why_its_trial_was_interrupted_and_a_new_one_goes_on";
    // Where Slurm waits for 30 s before it kills: what is gone before has ended by itself.
    let Some(cluster) = Cluster::up(test, Profile::Site)? else {
        return Ok(());
    };
    site(&cluster)?;
    let submission = Submission::of(&cluster, &in_partitions(sweep(3), "dedicated"))?;
    let job = submission.submit()?;
    submission.wait_events(2, "load.started", RUN)?;
    let asked = Instant::now();
    cluster.scancel(&job)?;
    submission.wait_end(&format!("{job}+0"), END)?;
    submission.expect_nothing_left()?;
    ensure!(asked.elapsed() < END, "it took {:?}", asked.elapsed());
    let events = submission.events()?;
    let ends = kinds(&events).split_off(events.len() - 3);
    ensure!(
        ends == ["job.ending", "trial.interrupted", "run.paused"],
        "{}",
        submission.diagnosis()
    );
    let reason = data(&events, "trial.interrupted")?["reason"].to_string();
    ensure!(
        reason.contains("SIGTERM: the job is cancelled, preempted or out of time"),
        "{reason}"
    );
    ensure!(
        of_type(&events, "trial.failed").is_empty(),
        "it counts as a failure"
    );
    expect_verified(submission.workdir())?;
    let status = submission.status()?;
    ensure!(
        status["state"] == "interrupted" && status["trials"]["completed"] == 1,
        "{status:#}"
    );
    goes_on_in_a_new_job(&submission)?;
    // Nobody can resume what has ended.
    let again = submission.with_run("resume")?.arg("--submit").run()?;
    ensure!(again.stderr.contains("the run has ended"), "{again}");
    Ok(())
}

fn goes_on_in_a_new_job(submission: &Submission<'_>) -> Result<()> {
    let resumed = submission
        .with_run("resume")?
        .arg("--submit")
        .run()?
        .expect_code(0)?;
    // The job's id, as `submit` prints it.
    let job = resumed.stdout.trim();
    // While it waits or runs nobody else may.
    let second = submission
        .with_run("resume")?
        .arg("--submit")
        .run()?
        .expect_code(3)?;
    ensure!(second.stderr.contains(&format!("job {job}")), "{second}");
    expect_the_first_job_to_be_overtaken(submission)?;
    submission.wait_events(1, "run.completed", RUN)?;
    submission.wait_end(&format!("{job}+0"), SOON)?;
    submission.expect_sound(3)
}

/// The program of the first job, as if that came to light only now, leaves the run to the second one.
fn expect_the_first_job_to_be_overtaken(submission: &Submission<'_>) -> Result<()> {
    let events = submission.events()?;
    let keys: Vec<&str> = of_type(&events, "job.requested")
        .iter()
        .filter_map(|event| event["data"]["key"].as_str())
        .collect();
    let [first, second] = keys.as_slice() else {
        anyhow::bail!("not two jobs: {keys:?}");
    };
    let late = submission.cluster().hpcbench(submission.workdir())?.arg("job");
    let late = late.arg("--run-dir").arg(submission.run()).args(["--key", first]);
    let refused = late.run()?.expect_code(3)?;
    ensure!(
        refused.stderr.contains(&format!("another one was, as {second}")),
        "{refused}"
    );
    Ok(())
}

#[test]
fn a_run_is_cancelled_from_the_login_node() -> Result<()> {
    let Some(cluster) = Cluster::up("a_run_is_cancelled_from_the_login_node", Profile::Plain)? else {
        return Ok(());
    };
    let submission = Submission::of(&cluster, &sweep(3))?;
    let job = submission.submit()?;
    submission.wait_events(1, "load.started", RUN)?;
    let asked = Instant::now();
    let cancel = submission.with_run("cancel")?.args(["--reason", "seen enough"]);
    cancel.run()?.expect_code(0)?;
    submission.wait_end(&job, END)?;
    submission.expect_nothing_left()?;
    ensure!(asked.elapsed() < END, "it took {:?}", asked.elapsed());
    let events = submission.events()?;
    let end = terminal(&events)?;
    ensure!(
        end["type"] == "run.cancelled" && end["data"]["reason"] == "seen enough",
        "{end:#}"
    );
    let reason = data(&events, "trial.interrupted")?["reason"].to_string();
    ensure!(reason.contains("the run was cancelled: seen enough"), "{reason}");
    expect_verified(submission.workdir()).map(drop)
}

/// The job's number is lost, as if `submit` had been killed before it was written: the queue knows the job by its key. Nobody can
/// resume the run, and whoever cancels it then has to find the job, too.
fn expect_known_without_its_number(submission: &Submission<'_>, job: &str) -> Result<()> {
    std::fs::remove_file(submission.run().join("job/submission.json"))?;
    let status = submission.status()?;
    ensure!(
        status["state"] == "submitted" && status["job"] == job,
        "{status:#}"
    );
    let resume = submission.with_run("resume")?.arg("--submit");
    let refused = resume.run()?.expect_code(3)?;
    ensure!(
        refused.stderr.contains(&format!("job {job} is pending")),
        "{refused}"
    );
    Ok(())
}

#[test]
fn a_run_that_waits_in_the_queue_says_why_and_is_cancelled_with_its_job() -> Result<()> {
    let test = "a_run_that_waits_in_the_queue_says_why_and_is_cancelled_with_its_job";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let submission = Submission::of(&cluster, &sweep(1))?;
    let other = cluster.sbatch(
        submission.workdir(),
        &["-N1", "--exclusive", "--wrap", "sleep 300"],
    )?;
    cluster.wait_job(&other, &["RUNNING"], SOON)?;
    let job = submission.submit()?;
    let watching = submission.with_run("watch")?.start()?;
    let pending = cluster.wait_job(&job, &["PENDING"], SOON)?;
    hpcbench_tests::wait_until(SOON, "a reason to wait", || {
        let reason = cluster.wait_job(&job, &["PENDING"], SOON)?.reason;
        Ok((reason == "Resources").then_some(()))
    })
    .with_context(|| format!("{pending:?}"))?;
    let status = submission.status()?;
    let words = status["job_state"].as_str().unwrap_or_default();
    ensure!(
        status["state"] == "submitted" && words.contains("waits for nodes to become free (Resources)"),
        "{status:#}"
    );
    hpcbench_tests::wait_until(SOON, "why it waits, for whoever watches", || {
        Ok(watching.stderr().contains("is pending: ").then_some(()))
    })
    .with_context(|| watching.stderr())?;
    ensure!(
        !watching.stderr().contains("has gone"),
        "nobody has gone: {}",
        watching.stderr()
    );
    expect_known_without_its_number(&submission, &job)?;
    submission.with_run("cancel")?.run()?.expect_code(0)?;
    submission.wait_end(&job, SOON)?;
    let watched = watching.wait()?.expect_code(1)?;
    ensure!(watched.stdout.contains("cancelled"), "{watched}");
    let events = submission.events()?;
    ensure!(
        terminal(&events)?["type"] == "run.cancelled",
        "{}",
        submission.diagnosis()
    );
    expect_verified(submission.workdir())?;
    cluster.scancel(&other)?;
    submission.expect_nothing_left()
}
