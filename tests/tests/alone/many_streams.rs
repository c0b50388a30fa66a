//! As many streams as one process can be asked for.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::{count, number, trials};
use hpcbench_tests::{Recipe, Simulator, Workdir, example, peak_memory};

use crate::{LOOK, peak_of_clients};

const STREAMS: u32 = 10_000;
/// Tokens of each, and how long the baseline reads them, seconds.
const TOKENS: u32 = 64;
const SHORT_SECONDS: u32 = 5;
/// Most memory that the client may have taken at any time, bytes.
const MEMORY: u64 = 600_000_000;
/// How long the run may take.
const LIMIT: Duration = Duration::from_mins(3);

#[test]
#[ignore = "a benchmark: it wants a machine without any other load"]
fn ten_thousand_streams_fit_into_one_process() -> Result<()> {
    let workdir = Workdir::new()?;
    let simulator = Simulator::start(&workdir, &["--ttft", "100ms", "--itl", "100ms"])?;
    let recipe = Recipe::external(&format!("http://{}/v1", simulator.address()), "simulated")
        .workload("load", &format!("{{shape: closed, concurrency: {STREAMS}}}"))
        .workload(
            "prompts",
            &format!("{{source: synthetic, input_tokens: 32, output_tokens: {TOKENS}}}"),
        )
        .workload("timeout", "60s")
        .workload("warmup", "10s")
        .workload("duration", "20s");
    let mut running = workdir.bench(&recipe)?.limit(LIMIT).start()?;
    let peak = peak_of_clients(&mut running, &workdir)?;
    let finished = running.wait()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let trial = &trials(&workdir.run())?[0];
    let truth = simulator.truth()?;
    let seen = truth["max_concurrency"]
        .as_u64()
        .context("no peak in the truth")?;
    let bare = least(&simulator)?;
    println!(
        "{seen} streams at once, {:.1} delivered on average; {:.0} MB of memory, of the baseline {:.0} MB; {} requests, {} \
         errors; verdict {}",
        number(trial, "/concurrency/delivered_mean")?,
        peak as f64 / 1e6,
        bare as f64 / 1e6,
        count(trial, "/requests/issued")?,
        count(trial, "/requests/error")?,
        trial["verdict"]
    );
    assert_eq!(seen, u64::from(STREAMS), "{finished}");
    assert_eq!(count(trial, "/requests/error")?, 0, "{finished}");
    assert_eq!(count(trial, "/requests/timeout")?, 0, "{finished}");
    ensure!(peak < MEMORY, "the client took {peak} bytes");
    Ok(())
}

/// The memory of a client that only reads as many streams and keeps nothing of them, bytes. The kernel's, for the sockets, is in
/// neither number.
fn least(simulator: &Simulator) -> Result<u64> {
    let mut command = Command::new(example("baseline")?);
    command.arg(simulator.address().to_string());
    command.args([STREAMS, SHORT_SECONDS, TOKENS].map(|number| number.to_string()));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak = peak.max(peak_memory(child.id()).unwrap_or(0));
        std::thread::sleep(LOOK);
    };
    ensure!(
        status.success() && peak > 0,
        "the baseline: {status}, {peak} bytes"
    );
    Ok(peak)
}
