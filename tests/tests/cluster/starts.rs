//! Jobs that Slurm starts again: the run goes on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Cluster, Profile, Submission, data, of_type};
use serde_json::Value;

use crate::SOON;
use crate::submit::{RUN, sweep};

/// The epochs of the writers, in order.
fn epochs(events: &[Value]) -> Vec<u64> {
    let started = of_type(events, "epoch.started");
    started
        .iter()
        .filter_map(|event| event["data"]["epoch"].as_u64())
        .collect()
}

#[test]
fn a_requeued_job_goes_on_in_the_next_epoch_with_what_is_left() -> Result<()> {
    let test = "a_requeued_job_goes_on_in_the_next_epoch_with_what_is_left";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let submission = Submission::of(&cluster, &sweep(3))?;
    let job = submission.submit()?;
    submission.wait_events(2, "load.started", RUN)?;
    let requeue = cluster
        .on_login(submission.workdir())
        .args(["scontrol", "requeue", &job]);
    requeue.run()?.expect_code(0)?;
    submission.wait_events(1, "run.paused", SOON)?;
    cluster.wait_job(&job, &["PENDING"], SOON)?;
    let status = submission.status()?;
    ensure!(
        status["state"] == "submitted" && status["trials"]["completed"] == 1,
        "{status:#}"
    );
    let events = submission.wait_events(1, "run.completed", RUN)?;
    submission.wait_end(&job, SOON)?;
    ensure!(epochs(&events) == [1, 2, 3], "{:?}", epochs(&events));
    let starts: Vec<&Value> = of_type(&events, "job.started")
        .iter()
        .map(|event| &event["data"])
        .collect();
    ensure!(
        starts.len() == 2
            && starts.iter().all(|start| start["job"] == job.as_str())
            && starts[1]["restarts"] == 1,
        "{starts:#?}"
    );
    let again = of_type(&events, "trial.started");
    ensure!(
        again.len() == 4 && again[2]["data"]["attempt"] == 2,
        "the interrupted trial is attempted again, and no other: {again:#?}"
    );
    submission.expect_sound(3)
}

/// A controller whose state is from before a start, as that of a backup on a slow disk, believes that the job waits, and starts it
/// once more, while the first start may still be at work.
#[test]
fn a_job_that_the_controller_forgot_to_have_started_does_its_work_once() -> Result<()> {
    let test = "a_job_that_the_controller_forgot_to_have_started_does_its_work_once";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let submission = Submission::of(&cluster, &sweep(6))?;
    // Keeps it in the queue until the controller has written that it is there.
    let other = cluster.sbatch(
        submission.workdir(),
        &["-N1", "--exclusive", "--no-requeue", "--wrap", "sleep 300"],
    )?;
    cluster.wait_job(&other, &["RUNNING"], SOON)?;
    let job = submission.submit()?;
    let requested = submission.events()?;
    let key = data(&requested, "job.requested")?["key"].as_str();
    let waiting = cluster.state_with(key.context("no key")?, SOON)?;
    cluster.scancel(&other)?;
    submission.wait_events(1, "load.started", RUN)?;
    cluster.kill_controller()?;
    cluster.put_back(&waiting)?;
    cluster.start_controller()?;
    let events = completed(&cluster, &submission, &job)?;
    submission.wait_end(&job, SOON)?;
    let epochs = epochs(&events);
    let ascending: Vec<u64> = (1..).take(epochs.len()).collect();
    ensure!(
        epochs == ascending && epochs.len() >= 3,
        "the submission and two starts have epochs of their own: {epochs:?}"
    );
    submission.expect_sound(6)
}

#[test]
fn a_controller_that_does_not_answer_is_no_end_of_a_job() -> Result<()> {
    let test = "a_controller_that_does_not_answer_is_no_end_of_a_job";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let submission = Submission::of(&cluster, &sweep(1).workload("duration", "12s"))?;
    let job = submission.submit()?;
    submission.wait_events(1, "load.started", RUN)?;
    // By then it has written its state.
    std::thread::sleep(Duration::from_secs(5));
    cluster.kill_controller()?;
    let status = submission.status()?;
    let words = status["job_state"].as_str().unwrap_or_default();
    ensure!(
        status["state"] == "running" && words.contains("Slurm cannot be asked"),
        "{status:#}"
    );
    submission
        .with_run("resume")?
        .arg("--submit")
        .run()?
        .expect_code(3)?;
    cluster.start_controller()?;
    submission.wait_events(1, "run.completed", RUN)?;
    submission.wait_end(&job, SOON)?;
    submission.expect_sound(1)
}

/// Waits for the run's end. A job whose second start met the first one on its node is held back by Slurm, and that node is
/// drained, until somebody lets them go.
fn completed(cluster: &Cluster, submission: &Submission<'_>, job: &str) -> Result<Vec<Value>> {
    hpcbench_tests::wait_until(RUN, "the run's end", || {
        let events = submission.events()?;
        if !of_type(&events, "run.completed").is_empty() {
            return Ok(Some(events));
        }
        let jobs = cluster.squeue().unwrap_or_default();
        if jobs
            .iter()
            .any(|held| held.id == job && held.reason.contains("held"))
        {
            submission.workdir().expect_no_process(SOON)?;
            cluster.release(job)?;
        }
        Ok(None)
    })
}
