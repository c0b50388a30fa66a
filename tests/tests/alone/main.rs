//! Tests that want the machine for themselves, because they judge what the program measures or what it costs: run them
//! with `--test-threads=1`. With `--nocapture` they print what they found. Those that are ignored are benchmarks, each
//! beside a reference of the same run; `make bench` runs them too.

mod accuracy;
mod calibration;
mod chunk_cost;
mod costs;
mod examples;
mod many_streams;
mod million_requests;
mod quickstart;
mod recipes;
mod search;

use std::time::Duration;

use anyhow::{Result, ensure};
use hpcbench_load::{Awake, wake_up_p99};
use hpcbench_tests::{Running, Workdir, skip};

/// How often the memory of processes is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How often it is measured: another program may want the machine just then, and that is nobody's fault.
const TRIES: u32 = 3;
/// How late processors may wake up, p99, where something can be judged. Verdicts doubt a client whose reads are a millisecond late.
const LATE: Duration = Duration::from_micros(500);

/// Measures until it comes out well, with processors that stay awake: what a virtual machine's host does with sleeping ones is
/// not what is judged here. Where they are late even so, they are not this machine's own, and it is skipped: there the
/// measurements doubt themselves, as they should.
fn repeated(test: &str, measure: impl Fn() -> Result<()>) -> Result<()> {
    let _awake = Awake::keep(&[])?;
    let mut result = Ok(());
    for _ in 0..TRIES {
        result = measure();
        let Err(error) = &result else { break };
        println!("{error:#}");
        let late = wake_up_p99();
        if late > LATE {
            let reason = format!(
                "1 % of all sleeps are late by {late:?} and more: this machine is not otherwise idle"
            );
            skip(test, &reason);
            return Ok(());
        }
    }
    result
}

/// The most memory that a client of a run has taken until the run's end, bytes.
fn peak_of_clients(running: &mut Running, workdir: &Workdir) -> Result<u64> {
    let mut peak = 0;
    while !running.has_ended()? {
        for process in workdir.processes()? {
            if process.is_client() {
                // It may have ended just now.
                peak = peak.max(process.peak_memory().unwrap_or(0));
            }
        }
        std::thread::sleep(LOOK);
    }
    ensure!(peak > 0, "no client was seen");
    Ok(peak)
}
