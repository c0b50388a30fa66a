//! What makes numbers doubtful is done to real runs, and each time the verdict says so.
//!
//! How far a run is past a limit is worked out beside each test, for it must not depend on how busy the machine is. Nor may
//! that make another test fail: whatever else a verdict finds, it says what was provoked, and is at least as bad.

mod client;
mod kernel;
mod neighbours;
mod service;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::trials;
use hpcbench_tests::{Recipe, Running, Workdir, events, of_type, wait_until};
use serde_json::Value;

/// From the best to the worst.
const STATUSES: [&str; 4] = ["valid", "suspect", "client-bound", "invalid"];

/// How long the load may take to begin.
const START: Duration = Duration::from_secs(30);

/// Four streams for three seconds.
fn recipe() -> Recipe {
    Recipe::simulated()
        .workload("warmup", "500ms")
        .workload("duration", "3s")
}

/// The only trial of such a run.
fn trial(recipe: &Recipe) -> Result<Value> {
    let workdir = Workdir::new()?;
    let running = workdir.bench(recipe)?.start()?;
    ended(&workdir, running)
}

/// Waits until the load of the first trial begins.
fn await_load(workdir: &Workdir) -> Result<()> {
    wait_until(START, "the load", || {
        let events = events(&workdir.run()).unwrap_or_default();
        Ok((!of_type(&events, "load.started").is_empty()).then_some(()))
    })
}

fn ended(workdir: &Workdir, running: Running) -> Result<Value> {
    let finished = running.wait()?;
    ensure!(finished.code == Some(1), "{finished}");
    workdir.expect_no_process(Duration::from_secs(5))?;
    Ok(trials(&workdir.run())?.remove(0))
}

/// Whether the verdict gives a reason with these words.
fn says(trial: &Value, words: &str) -> Result<bool> {
    let reasons = trial["verdict"]["reasons"].as_array().context("no reasons")?;
    let mut texts = reasons.iter().filter_map(Value::as_str);
    Ok(texts.any(|reason| reason.contains(words)))
}

/// Expects this status or a worse one, and a reason with these words.
fn expect(trial: &Value, status: &str, words: &str) -> Result<()> {
    let verdict = &trial["verdict"];
    let rank = |status: &str| STATUSES.iter().position(|known| *known == status);
    let found = verdict["status"].as_str().and_then(rank);
    ensure!(found.is_some() && found >= rank(status), "{verdict}");
    ensure!(says(trial, words)?, "{verdict}");
    Ok(())
}
