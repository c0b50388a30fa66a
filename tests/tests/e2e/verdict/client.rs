//! Clients that are kept from their work.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Process, Recipe, Workdir};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{await_load, ended, expect, recipe};

/// From the order to begin to the middle of the window.
const INTO_THE_WINDOW: Duration = Duration::from_millis(1_200);

/// How often a client is stopped.
const STOPS: usize = 5;
/// For how long: above the longest loop gap that a trial may have.
const STOPPED: Duration = Duration::from_millis(150);
const BETWEEN: Duration = Duration::from_millis(100);

/// Starts a run, and does something to its client in the middle of the window; the trial as it came out.
fn disturbed(recipe: &Recipe, disturb: impl FnOnce(&Process) -> Result<()>) -> Result<Value> {
    let workdir = Workdir::new()?;
    let running = workdir.bench(recipe)?.start()?;
    let client = under_load(&workdir)?;
    std::thread::sleep(INTO_THE_WINDOW);
    disturb(&client)?;
    ended(&workdir, running)
}

/// The client, as soon as its load begins.
fn under_load(workdir: &Workdir) -> Result<Process> {
    await_load(workdir)?;
    let client = workdir.processes()?.into_iter().find(Process::is_client);
    client.context("no client runs")
}

fn stop_again_and_again(client: &Process) -> Result<()> {
    for _ in 0..STOPS {
        client.signal(Signal::SIGSTOP)?;
        std::thread::sleep(STOPPED);
        client.signal(Signal::SIGCONT)?;
        std::thread::sleep(BETWEEN);
    }
    Ok(())
}

#[test]
fn a_client_that_was_stopped_measured_itself() -> Result<()> {
    // Streams of 50 to 250 tokens, 2 ms apart, so that they do not keep in step. A stop finds each of the 8 streams at some
    // point of its way, where 75 more tokens come meanwhile, or else its end: 40 times in all, of which half the stop is a low
    // average. That makes 40 × 37 = 1,480 delayed chunks of the 8 × 500 × 3 = 12,000 that there are at most, 12 %, where a
    // p99 takes 1 % and unresolved gaps 5 %; and 40 × 75 ms = 3 s without a request, of 8 × 3 s, 12 %, where 2 % are allowed.
    let recipe = recipe()
        .workload("load", "{shape: closed, concurrency: 8}")
        .workload(
            "prompts",
            "{source: synthetic, input_tokens: 16, output_tokens: {mean: 150, stddev: 100, min: 50, max: 250}}",
        );
    let trial = disturbed(&recipe, stop_again_and_again)?;
    expect(&trial, "client-bound", "the longest loop gap is")?;
    // And it was away for 5 × 150 ms of three seconds, a quarter, where a hundredth is allowed.
    expect(&trial, "client-bound", "of the window in loop gaps over 10 ms")?;
    // What came meanwhile was read late, and all at once.
    expect(&trial, "client-bound", "client_lag")?;
    expect(&trial, "client-bound", "gaps between chunks")?;
    // Whose answer had ended meanwhile asked late for the next.
    expect(&trial, "client-bound", "requests were in flight on average")
}

#[test]
fn a_client_that_was_stopped_sent_too_late() -> Result<()> {
    // 15 arrivals in each stop, a hundred a second in all. Of these five times 15 all but one each are late by more than 5 ms,
    // whether they find a connection or have to open theirs: 70 of at most 300, where a p99 takes 1 %.
    let recipe = recipe()
        .workload("load", "{shape: constant, rate: 100}")
        .workload("stream", "false");
    let trial = disturbed(&recipe, stop_again_and_again)?;
    expect(&trial, "client-bound", "p99 of sent − intended")?;
    // Whole answers have no event that could be late. But each stop finds two requests on their way, of 24 ms each, whose
    // answers are read at least 120 ms after they came: 10 of at most 300, where 5 ms and 10 % of the median are allowed.
    expect(&trial, "client-bound", "client_lag")
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
    // With the least priority it gets 15 of the 3 × 1,024 + 15 parts of a core's time, for half of the window: it is away
    // for far more than the 5 ms that a hundredth of its reads may be late.
    let trial = disturbed(&recipe(), |client| {
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
