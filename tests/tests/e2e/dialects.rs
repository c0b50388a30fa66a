//! Every API, with answers that are streamed and answers that come as a whole.

use anyhow::{Result, ensure};
use hpcbench_tests::summary::{count, number, trials};
use hpcbench_tests::{Recipe, Workdir};

/// Tokens of each answer.
const TOKENS: f64 = 8.0;

#[test]
fn every_dialect_is_spoken_streamed_and_not() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated().workload("duration", "400ms").top(
        "sweep",
        "{matrix: {workload.endpoint: [chat, completions, generate, ollama-chat], workload.stream: [true, false]}}",
    );
    let finished = workdir.bench(&recipe)?.run()?;
    // Whether so short a measurement is valid depends on the machine.
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let trials = trials(&workdir.run())?;
    ensure!(trials.len() == 8, "{finished}");
    for trial in &trials {
        let ok = count(trial, "/requests/ok")?;
        ensure!(ok > 0 && count(trial, "/requests/error")? == 0, "{trial}");
        let tokens = number(trial, "/output_tokens")?;
        ensure!((tokens - ok as f64 * TOKENS).abs() < 0.5, "{trial}");
        // 10 ms to the first token and seven gaps of 2 ms, however the answer comes.
        ensure!(number(trial, "/metrics/e2e/p50")? >= 0.023, "{trial}");
        let streams = trial["parameters"]["workload.stream"] == true;
        for metric in ["ttft", "itl", "tpot"] {
            let measured = trial["metrics"][metric]["count"].as_u64().unwrap_or(0) > 0;
            ensure!(measured == streams, "{metric} of {trial}");
        }
    }
    Ok(())
}

#[test]
fn a_limit_on_first_tokens_needs_a_stream() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated()
        .workload("stream", "false")
        .workload("slo", "{itl_p99: 5ms}");
    let finished = workdir.bench(&recipe)?.run()?.expect_code(2)?;
    ensure!(finished.stderr.contains("whole-answers"), "{finished}");
    Ok(())
}
