//! What makes numbers doubtful is done to real runs, and each time the verdict says so.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::trials;
use hpcbench_tests::{Process, Recipe, Running, Workdir, events, of_type, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

/// How long the load may take to begin.
const START: Duration = Duration::from_secs(30);
/// From the order to begin to the middle of the window.
const INTO_THE_WINDOW: Duration = Duration::from_millis(1_200);

/// Four streams for three seconds.
fn recipe() -> Recipe {
    Recipe::simulated()
        .workload("warmup", "500ms")
        .workload("duration", "3s")
}

/// Starts a run, and does something to its client in the middle of the window; the trial as it came out.
fn disturbed(workdir: &Workdir, disturb: impl FnOnce(&Process) -> Result<()>) -> Result<Value> {
    let running = workdir.bench(&recipe())?.start()?;
    let client = under_load(workdir)?;
    std::thread::sleep(INTO_THE_WINDOW);
    disturb(&client)?;
    ended(workdir, running)
}

/// The client, as soon as its load begins.
fn under_load(workdir: &Workdir) -> Result<Process> {
    wait_until(START, "the load", || {
        let events = events(&workdir.run()).unwrap_or_default();
        Ok((!of_type(&events, "load.started").is_empty()).then_some(()))
    })?;
    let client = workdir.processes()?.into_iter().find(Process::is_client);
    client.context("no client runs")
}

fn ended(workdir: &Workdir, running: Running) -> Result<Value> {
    let finished = running.wait()?;
    ensure!(finished.code == Some(1), "{finished}");
    workdir.expect_no_process(Duration::from_secs(5))?;
    Ok(trials(&workdir.run())?.remove(0))
}

/// Expects this status, for a reason with these words.
fn expect(trial: &Value, status: &str, words: &str) -> Result<()> {
    let verdict = &trial["verdict"];
    let reasons = verdict["reasons"].as_array().context("no reasons")?;
    let said = reasons
        .iter()
        .any(|reason| reason.as_str().is_some_and(|reason| reason.contains(words)));
    ensure!(verdict["status"] == status && said, "{verdict}");
    Ok(())
}

#[test]
fn a_client_that_was_stopped_measured_itself() -> Result<()> {
    // Of some 3,000 chunks each stop delays the 4 streams' 8 each: often enough for a p99 to see them.
    const STOPS: usize = 5;
    /// Above the longest loop gap that a trial may have.
    const STOPPED: Duration = Duration::from_millis(150);
    const BETWEEN: Duration = Duration::from_millis(100);
    let workdir = Workdir::new()?;
    let trial = disturbed(&workdir, |client| {
        for _ in 0..STOPS {
            client.signal(Signal::SIGSTOP)?;
            std::thread::sleep(STOPPED);
            client.signal(Signal::SIGCONT)?;
            std::thread::sleep(BETWEEN);
        }
        Ok(())
    })?;
    expect(&trial, "client-bound", "loop gap")?;
    // What came meanwhile was read late, and all at once.
    expect(&trial, "client-bound", "client_lag")?;
    expect(&trial, "client-bound", "gaps between chunks")
}

/// Processes that only burn time; dropping them ends them.
struct Hogs(Vec<Child>);

impl Hogs {
    /// Several for each core.
    fn start() -> Result<Self> {
        const EACH: usize = 3;
        let cores = std::thread::available_parallelism()?.get();
        let mut hogs = Self(Vec::new());
        for _ in 0..EACH * cores {
            let mut command = Command::new("bash");
            command.args(["-c", "while :; do :; done"]);
            hogs.0.push(command.stdin(Stdio::null()).spawn()?);
        }
        Ok(hogs)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            // One that has ended has ended.
            let _ = hog.kill();
            let _ = hog.wait();
        }
    }
}

#[test]
fn a_client_that_others_keep_from_the_cores_measured_them() -> Result<()> {
    let workdir = Workdir::new()?;
    let trial = disturbed(&workdir, |client| {
        // So that it is the client that has to wait, not the service.
        let threads = std::fs::read_dir(format!("/proc/{}/task", client.pid))?;
        let threads = threads.map(|thread| Ok(thread?.file_name()));
        let threads: Vec<_> = threads.collect::<Result<_>>()?;
        let renice = Command::new("renice")
            .args(["-n", "19", "-p"])
            .args(threads)
            .output()?;
        ensure!(renice.status.success(), "{renice:?}");
        let hogs = Hogs::start()?;
        std::thread::sleep(Duration::from_millis(1_500));
        drop(hogs);
        Ok(())
    })?;
    expect(&trial, "client-bound", "client_lag")
}

#[test]
fn a_handful_of_requests_says_nothing() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = recipe()
        .service("options", "{ttft: 200ms, itl: 50ms}")
        .workload("load", "{shape: closed, concurrency: 1}");
    let running = workdir.bench(&recipe)?.start()?;
    expect(&ended(&workdir, running)?, "invalid", "fewer than 30")
}

#[test]
fn a_service_that_cannot_keep_up_is_named() -> Result<()> {
    let workdir = Workdir::new()?;
    // Two at a time can be answered some eighty times a second.
    let recipe = recipe().workload("load", "{shape: poisson, rate: 200, max_in_flight: 2}");
    let running = workdir.bench(&recipe)?.start()?;
    let trial = ended(&workdir, running)?;
    let verdict = trial["verdict"].to_string();
    ensure!(verdict.contains("over capacity"), "{verdict}");
    Ok(())
}
