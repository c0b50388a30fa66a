//! Tests that want the machine for themselves, because they judge what the program measures or what it costs: run them
//! with `--test-threads=1`. With `--nocapture` they print what they found. Those that are ignored are benchmarks, each
//! beside a reference of the same run; `make bench` runs them too.

mod accuracy;
mod chunk_cost;
mod costs;
mod many_streams;
mod million_requests;
mod quickstart;
mod recipes;
mod search;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hpcbench_tests::{Running, Workdir, skip};

/// How often the memory of processes is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How often it is measured: another program may want the machine just then, and that is nobody's fault.
const TRIES: u32 = 3;
/// How late sleeps of [`NAP`] may be, p99, where something can be judged. Verdicts doubt a client whose reads are a millisecond late.
const LATE: Duration = Duration::from_micros(500);
const NAP: Duration = Duration::from_millis(1);
const NAPS: usize = 1000;

/// Measures until it comes out well. On a machine whose processors are not its own, where nothing does, it is skipped: there the
/// measurements doubt themselves, as they should.
fn repeated(test: &str, measure: impl Fn() -> Result<()>) -> Result<()> {
    let mut result = Ok(());
    for _ in 0..TRIES {
        result = measure();
        let Err(error) = &result else { break };
        println!("{error:#}");
        let late = lateness();
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

/// How late one of a hundred short sleeps is, whatever we do.
fn lateness() -> Duration {
    let nap = |_| {
        let before = Instant::now();
        std::thread::sleep(NAP);
        before.elapsed().saturating_sub(NAP)
    };
    let mut late: Vec<Duration> = (0..NAPS).map(nap).collect();
    late.sort_unstable();
    late[NAPS * 99 / 100]
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
