//! Clients whose kernel does not do what measuring rests on.

use anyhow::{Result, ensure};
use hpcbench_tests::{BadKernel, Recipe, Workdir};
use serde_json::Value;

use super::{ended, expect, recipe};

/// The trial of a run with such a kernel.
fn trial(kernel: BadKernel, load: &str) -> Result<Value> {
    trial_of(kernel, &recipe().workload("load", load))
}

fn trial_of(kernel: BadKernel, recipe: &Recipe) -> Result<Value> {
    let workdir = Workdir::new()?;
    let running = kernel.bench(&workdir, recipe)?.start()?;
    ended(&workdir, running)
}

const CLOSED: &str = "{shape: closed, concurrency: 4}";

#[test]
fn a_slow_timer_sends_too_late() -> Result<()> {
    // One request every 50 ms, which ends 24 ms after it was sent. Nothing else wakes the client for the next one but a timer
    // that is 20 ms late, or a wait of 10 ms that takes 30 ms: sent l ms late, a request ends 26 − l ms before the next one is
    // due, which is then min(l + 4, 20) ms late. From the fifth on that is 20 ms, where 5 ms are allowed, for 55 of 60.
    let recipe = recipe().workload("load", "{shape: constant, rate: 20}");
    let late = trial_of(BadKernel::SlowTimer, &recipe)?;
    expect(&late, "client-bound", "p99 of sent − intended")?;
    // No less where each request has to connect first.
    let recipe = recipe.workload("connections", "{policy: fresh}");
    let late = trial_of(BadKernel::SlowTimer, &recipe)?;
    expect(&late, "client-bound", "p99 of sent − intended")
}

#[test]
fn stamps_that_are_missing_are_told() -> Result<()> {
    expect(
        &trial(BadKernel::NoStamps, CLOSED)?,
        "suspect",
        "100 % of the reads had no usable kernel stamp",
    )
}

#[test]
fn stamps_that_cannot_be_are_told() -> Result<()> {
    expect(
        &trial(BadKernel::WrongStamps, CLOSED)?,
        "suspect",
        "100 % of the reads had no usable kernel stamp",
    )
}

#[test]
fn a_kernel_without_stamps_is_told() -> Result<()> {
    expect(
        &trial(BadKernel::NoStamping, CLOSED)?,
        "suspect",
        "arrivals were stamped in user space",
    )
}

#[test]
fn a_clock_that_is_set_is_told() -> Result<()> {
    // Four streams of at least 24 ms with at most 12 events each bring 2 reads a millisecond. Whatever is read first after a
    // step, every 5 ms, comes with a stamp that cannot be converted: one read in 10 at least, where 1 % is allowed.
    let recipe = recipe().workload("load", CLOSED).workload("duration", "1s");
    let trial = trial_of(BadKernel::ClockSteps, &recipe)?;
    expect(&trial, "suspect", "of the reads had no usable kernel stamp")?;
    let notes = trial["notes"].as_array();
    let told = notes.is_some_and(|notes| notes.iter().any(|note| note["code"] == "clock_steps"));
    ensure!(told, "{}", trial["notes"]);
    // What was read late is not hidden among reads of which nobody knows.
    let known = trial["metrics"]["client_lag"]["min"].as_f64();
    ensure!(
        known.is_some_and(|lag| lag > 0.0),
        "{}",
        trial["metrics"]["client_lag"]
    );
    Ok(())
}

#[test]
fn a_thread_without_time_to_spare_is_told() -> Result<()> {
    // Real work would share the core with whatever else runs here. So it is the kernel's account that says all of the time,
    // a wake-up more or less, where 90 % are allowed.
    let trial = trial(BadKernel::Busy, CLOSED)?;
    expect(&trial, "client-bound", "% of a core, more than 90 %")
}
