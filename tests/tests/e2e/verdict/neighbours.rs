//! Services that others begin to use in the middle of the window, and so become slower.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Recipe, Workdir, data, events, post};
use serde_json::{Value, json};

use super::{await_load, ended, expect, recipe};

/// From the order to begin to the window.
const WARM_UP: Duration = Duration::from_millis(500);
/// How many requests of others come at once.
const NEIGHBOURS: usize = 16;

/// Four streams for four seconds, of which each of 20 batches has 200 ms. All takes 1 + 0.06 × 3 = 1.18 times as long as it would
/// for one alone, and with the neighbours 1 + 0.06 × 19 = 2.14 times: 1.81 times as long as before. A stream takes 57 ms,
/// then 103 ms.
fn crowded() -> Recipe {
    recipe()
        .service("options", "{ttft: 20ms, itl: 4ms, slowdown: 0.06}")
        .workload("duration", "4s")
}

/// Tokens of an answer that takes about so long among all the others.
const fn tokens(duration: Duration) -> u64 {
    // 4 ms × 2.14.
    duration.as_micros() as u64 / 8_560
}

/// Requests of others, each for so many tokens. Who they are does not matter, nor whether the service lives to answer them.
fn neighbours(workdir: &Workdir, tokens: u64) -> Result<Vec<JoinHandle<()>>> {
    let log = events(&workdir.run())?;
    let url = data(&log, "service.ready")?["endpoints"][0].as_str();
    let address = url.and_then(|url| url.trim_start_matches("http://").split('/').next());
    let address = address.context("no address")?.parse()?;
    let body = json!({"model": "simulated", "max_tokens": tokens, "messages": [{"role": "user", "content": "hello"}]});
    let ask = move || {
        let body = body.clone();
        thread::spawn(move || drop(post(address, "/v1/chat/completions", &body)))
    };
    Ok((0..NEIGHBOURS).map(|_| ask()).collect())
}

/// The trial of a run whose service others begin to use so long after the beginning of the window, and for how long.
fn visited(after: Duration, duration: Duration) -> Result<Value> {
    let workdir = Workdir::new()?;
    let running = workdir.bench(&crowded())?.start()?;
    await_load(&workdir)?;
    thread::sleep(WARM_UP + after);
    let neighbours = neighbours(&workdir, tokens(duration))?;
    let trial = ended(&workdir, running)?;
    for neighbour in neighbours {
        ensure!(neighbour.join().is_ok(), "a neighbour panicked");
    }
    Ok(trial)
}

#[test]
fn a_service_that_drops_to_another_level_has_no_steady_state() -> Result<()> {
    // Three batches and a half are fast, all others slow, and within each they are alike: of the 190 pairs of batches at most
    // 4 × 16 = 64 differ, so that the median slope is that of a pair which does not, and no trend.
    let trial = visited(Duration::from_millis(700), Duration::from_secs(6))?;
    expect(&trial, "suspect", "no steady state")?;
    expect(&trial, "suspect", "TTFT jumps at one point")
}

#[test]
fn a_service_that_is_slow_for_a_while_is_not_judged() -> Result<()> {
    // From the sixth batch to the fifteenth, more or less one, of 20: no trend, and no split has another mean on either side than
    // chance gives. But 17 of 19 batches are like the one before.
    let trial = visited(Duration::from_secs(1), Duration::from_secs(2))?;
    expect(&trial, "suspect", "wanders (correlation of successive batches")?;
    ensure!(trial["steady_state"] == "undecided", "{}", trial["verdict"]);
    expect(&trial, "suspect", "steady state undecided")
}
