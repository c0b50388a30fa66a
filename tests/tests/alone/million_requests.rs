//! A trial of a million requests, from the load to its summary.

use std::time::Duration;

use anyhow::{Result, ensure};
use hpcbench_tests::summary::{count, trials};
use hpcbench_tests::{Recipe, Simulator, Workdir};

use crate::peak_of_clients;

/// Enough for the buffers of the records' writer to have been full, more than once.
const FEW: u32 = 200_000;
const MANY: u32 = 1_000_000;
/// How much more memory five times as many requests may take.
const FLAT: f64 = 1.1;
/// How long a run may take.
const LIMIT: Duration = Duration::from_mins(15);

#[test]
#[ignore = "a benchmark: it takes minutes"]
fn a_million_requests_take_no_more_memory_than_a_fifth_of_them() -> Result<()> {
    let few = peak(FEW)?;
    let many = peak(MANY)?;
    println!(
        "the client's peak of memory: {:.1} MB with {FEW} requests, {:.1} MB with {MANY}",
        few as f64 / 1e6,
        many as f64 / 1e6
    );
    ensure!(many as f64 <= FLAT * few as f64, "{many} bytes, not {few}");
    Ok(())
}

/// What the client has taken at most for so many requests, bytes. Records as Parquet and the statistics belong to it.
fn peak(requests: u32) -> Result<u64> {
    let workdir = Workdir::new()?;
    let simulator = Simulator::start(&workdir, &["--ttft", "1ms", "--itl", "1ms"])?;
    let recipe = Recipe::external(&format!("http://{}/v1", simulator.address()), "simulated")
        .workload("load", "{shape: closed, concurrency: 64}")
        .workload(
            "prompts",
            "{source: synthetic, input_tokens: 16, output_tokens: 1}",
        )
        .workload("duration", "null")
        .workload("requests", &requests.to_string());
    let mut running = workdir.bench(&recipe)?.limit(LIMIT).start()?;
    let peak = peak_of_clients(&mut running, &workdir)?;
    let finished = running.wait()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let trial = &trials(&workdir.run())?[0];
    assert_eq!(count(trial, "/requests/ok")?, u64::from(requests), "{finished}");
    Ok(peak)
}
