//! What a chunk costs the client in processor time, beside what it costs the least that a client can do.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Recipe, Simulator, Workdir, data, events, example};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde_json::Value;

use crate::examples::{between, read_bare, succeed};
use crate::repeated;

const STREAMS: u32 = 500;
const TOKENS: u32 = 64;
/// Two lengths of a run, seconds: what runs of both have in common is no cost of a chunk.
const SHORT: u32 = 4;
const LONG: u32 = 16;
/// How much more than the baseline a chunk may cost.
const FACTOR: f64 = 1.5;

/// What a read brings may be less than the baseline's by this: who reads late merges reads, and looks cheaper than he is.
const FEWER_READS: f64 = 0.9;

/// What a program and all that it started have used for the tokens that a service sent it.
#[derive(Debug, Clone, Copy)]
struct Used {
    cpu_seconds: f64,
    tokens: f64,
}

/// What one token costs.
#[derive(Debug, Clone, Copy)]
struct Cost {
    micros: f64,
    reads: f64,
}

/// Stamping, parsing, recording, histograms, summary, log and bus: all that belongs to a run.
#[test]
#[ignore = "a benchmark: it wants a machine without any other load"]
fn a_chunk_costs_little_more_than_it_must() -> Result<()> {
    repeated("a_chunk_costs_little_more_than_it_must", || {
        let workdir = Workdir::new()?;
        let simulator = Simulator::start(&workdir, &["--ttft", "50ms", "--itl", "10ms"])?;
        let baseline = slope(&simulator, |seconds| baseline(&simulator, seconds))?;
        let engine = slope(&simulator, |seconds| engine(&simulator, seconds))?;
        let whole = slope(&simulator, |seconds| whole(&simulator, seconds))?;
        println!(
            "CPU for each chunk, µs: baseline {:.2}, load engine {:.2} ({:.2} ×), hpcbench run {:.2} ({:.2} ×)",
            baseline.micros,
            engine.micros,
            engine.micros / baseline.micros,
            whole.micros,
            whole.micros / baseline.micros
        );
        println!(
            "reads for each chunk: baseline {:.3}, load engine {:.3}, hpcbench run {:.3}",
            baseline.reads, engine.reads, whole.reads
        );
        ensure!(
            engine.reads.min(whole.reads) >= FEWER_READS * baseline.reads,
            "they read later than the baseline, and cannot be compared: {engine:?}, {whole:?}, {baseline:?}"
        );
        ensure!(
            whole.micros <= FACTOR * baseline.micros,
            "a chunk costs {whole:?}, with the baseline {baseline:?}"
        );
        Ok(())
    })
}

/// A chunk's cost, by the difference of two runs, each of which tells its reads.
fn slope(simulator: &Simulator, run: impl Fn(u32) -> Result<f64>) -> Result<Cost> {
    let used = |seconds| -> Result<(Used, f64)> {
        let before = now(simulator)?;
        let reads = run(seconds)?;
        let after = now(simulator)?;
        let used = Used {
            cpu_seconds: after.cpu_seconds - before.cpu_seconds,
            tokens: after.tokens - before.tokens,
        };
        Ok((used, reads))
    };
    let ((short, few), (long, many)) = (used(SHORT)?, used(LONG)?);
    let tokens = long.tokens - short.tokens;
    ensure!(
        tokens > 0.0,
        "the longer run got no more tokens: {short:?}, {long:?}"
    );
    Ok(Cost {
        micros: (long.cpu_seconds - short.cpu_seconds) * 1e6 / tokens,
        reads: (many - few) / tokens,
    })
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

fn baseline(simulator: &Simulator, seconds: u32) -> Result<f64> {
    between(
        &read_bare(simulator, STREAMS, seconds, TOKENS)?,
        " chunks in ",
        " reads",
    )
}

fn engine(simulator: &Simulator, seconds: u32) -> Result<f64> {
    let mut command = Command::new(example("drive")?);
    command.arg(simulator.address().to_string());
    command.args(["warmup=2", "input=64"]);
    command.args([
        format!("concurrency={STREAMS}"),
        format!("seconds={seconds}"),
        format!("output={TOKENS}"),
    ]);
    between(&succeed(command)?, "reads ", ", missing")
}

fn whole(simulator: &Simulator, seconds: u32) -> Result<f64> {
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
    workdir.expect_no_process(Duration::from_secs(5))?;
    let log = events(&workdir.run())?;
    let aggregate = data(&log, "share.reported")?["files"]["aggregate"]["path"].as_str();
    let aggregate = workdir.run().join(aggregate.context("no aggregate")?);
    let aggregate: Value = serde_json::from_slice(&fs::read(aggregate)?)?;
    let reads = aggregate.pointer("/engine/reads").and_then(Value::as_f64);
    reads.context("no number of reads in the aggregate")
}
