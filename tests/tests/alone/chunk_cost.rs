//! What a chunk costs the client in processor time, beside what it costs the least that a client can do.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Recipe, Simulator, Workdir, example};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::repeated;

const STREAMS: u32 = 500;
const TOKENS: u32 = 64;
/// Two lengths of a run, seconds: what runs of both have in common is no cost of a chunk.
const SHORT: u32 = 4;
const LONG: u32 = 16;
/// How much more than the baseline a chunk may cost.
const FACTOR: f64 = 1.5;

/// What a program and all that it started have used for the tokens that a service sent it.
#[derive(Debug, Clone, Copy)]
struct Used {
    cpu_seconds: f64,
    tokens: f64,
}

/// Stamping, parsing, recording, histograms, summary, log and bus: all that belongs to a run.
#[test]
#[ignore = "a benchmark: it wants a machine without any other load"]
fn a_chunk_costs_little_more_than_it_must() -> Result<()> {
    repeated(|| {
        let workdir = Workdir::new()?;
        let simulator = Simulator::start(&workdir, &["--ttft", "50ms", "--itl", "10ms"])?;
        let baseline = slope(&simulator, |seconds| baseline(&simulator, seconds))?;
        let engine = slope(&simulator, |seconds| engine(&simulator, seconds))?;
        let whole = slope(&simulator, |seconds| whole(&simulator, seconds))?;
        println!(
            "CPU for each chunk, µs: baseline {baseline:.2}, load engine {engine:.2} ({:.2} ×), hpcbench run {whole:.2} ({:.2} ×)",
            engine / baseline,
            whole / baseline
        );
        ensure!(
            whole <= FACTOR * baseline,
            "a chunk costs {whole:.2} µs, the baseline {baseline:.2} µs"
        );
        Ok(())
    })
}

/// Microseconds a chunk, by the difference of two runs.
fn slope(simulator: &Simulator, run: impl Fn(u32) -> Result<()>) -> Result<f64> {
    let used = |seconds| -> Result<Used> {
        let before = now(simulator)?;
        run(seconds)?;
        let after = now(simulator)?;
        Ok(Used {
            cpu_seconds: after.cpu_seconds - before.cpu_seconds,
            tokens: after.tokens - before.tokens,
        })
    };
    let (short, long) = (used(SHORT)?, used(LONG)?);
    let tokens = long.tokens - short.tokens;
    ensure!(
        tokens > 0.0,
        "the longer run got no more tokens: {short:?}, {long:?}"
    );
    Ok((long.cpu_seconds - short.cpu_seconds) * 1e6 / tokens)
}

/// Processor time of this process's children that have ended, with all of theirs, and the tokens that the service has sent.
fn now(simulator: &Simulator) -> Result<Used> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let tokens = simulator.truth()?["totals"]["tokens"]
        .as_f64()
        .context("no tokens in the truth")?;
    Ok(Used {
        cpu_seconds: seconds(usage.user_time()) + seconds(usage.system_time()),
        tokens,
    })
}

fn baseline(simulator: &Simulator, seconds: u32) -> Result<()> {
    let mut command = Command::new(example("baseline")?);
    command.arg(simulator.address().to_string());
    command.args([STREAMS, seconds, TOKENS].map(|number| number.to_string()));
    succeed(command)
}

fn engine(simulator: &Simulator, seconds: u32) -> Result<()> {
    let mut command = Command::new(example("drive")?);
    command.arg(simulator.address().to_string());
    command.args(["warmup=2", "input=64"]);
    command.args([
        format!("concurrency={STREAMS}"),
        format!("seconds={seconds}"),
        format!("output={TOKENS}"),
    ]);
    succeed(command)
}

fn succeed(mut command: Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    // With as many reads a chunk, or they cannot be compared.
    for line in text.lines().filter(|line| line.contains("reads")) {
        println!("{line}");
    }
    Ok(())
}

fn whole(simulator: &Simulator, seconds: u32) -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::external(&format!("http://{}/v1", simulator.address()), "simulated")
        .workload("load", &format!("{{shape: closed, concurrency: {STREAMS}}}"))
        .workload(
            "prompts",
            &format!("{{source: synthetic, input_tokens: 64, output_tokens: {TOKENS}}}"),
        )
        .workload("warmup", "2s")
        .workload("duration", &format!("{seconds}s"));
    let finished = workdir.bench(&recipe)?.run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    workdir.expect_no_process(Duration::from_secs(5))
}
