//! The metrics of other tools, of real runs, against Python and Parquet.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Recipe, Workdir};

use crate::recomputed::{harness, python};

const TOOLS: [&str; 4] = ["vllm", "aiperf", "guidellm", "mlperf"];

/// The fewest numbers of a trial that have to agree, whatever the tool.
const FEWEST_NUMBERS: usize = 30;

/// Requests of some 40 ms, of which some miss their limits.
fn recipe() -> Recipe {
    Recipe::simulated()
        .service("options", "{ttft: 10ms, itl: 4ms, jitter: 0.3}")
        .workload("warmup", "300ms")
        .workload("duration", "2s")
        .workload("goodput", "{ttft: 12ms, tpot: 4ms}")
}

/// A run's report by the definitions of a tool, in some format.
fn report(workdir: &Workdir, tool: &str, format: &str) -> Result<String> {
    let command = workdir.hpcbench()?.arg("report").arg(workdir.run());
    let finished = command
        .args(["--definitions", tool, "--format", format])
        .run()?
        .expect_code(0)?;
    Ok(finished.stdout)
}

/// How many numbers of the report Python finds to be as it computes them.
fn agreeing(python: &Path, workdir: &Workdir, tool: &str) -> Result<usize> {
    let file = workdir.write("report.json", &report(workdir, tool, "json")?)?;
    let checked = Command::new(python)
        .arg("-B")
        .arg(harness("check_definitions.py"))
        .args([&workdir.run(), &file])
        .output()?;
    ensure!(
        checked.status.success(),
        "{tool}: {}",
        String::from_utf8_lossy(&checked.stderr)
    );
    let numbers = String::from_utf8(checked.stdout)?;
    numbers.trim().parse().context("not a number of numbers")
}

fn check(test: &str, recipe: &Recipe, fewest: usize) -> Result<()> {
    let Some(python) = python(test)? else {
        return Ok(());
    };
    let workdir = Workdir::new()?;
    let finished = workdir.bench(recipe)?.run()?;
    // Whether so short a measurement is valid depends on the machine; what its numbers mean does not.
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    for tool in TOOLS {
        let numbers = agreeing(&python, &workdir, tool)?;
        println!("{tool}: {numbers} numbers agree");
        ensure!(numbers >= fewest, "{tool}: only {numbers} numbers");
    }
    Ok(())
}

#[test]
fn python_comes_to_the_same_metrics_of_chats() -> Result<()> {
    let random = recipe().workload("load", "{shape: poisson, rate: 150, max_in_flight: 100}");
    check(
        "python_comes_to_the_same_metrics_of_chats",
        &random,
        FEWEST_NUMBERS,
    )
}

#[test]
fn python_comes_to_the_same_metrics_of_completions() -> Result<()> {
    // Without the event that only has a role.
    let completions = recipe().workload("endpoint", "completions");
    check(
        "python_comes_to_the_same_metrics_of_completions",
        &completions,
        FEWEST_NUMBERS,
    )
}

#[test]
fn python_comes_to_the_same_metrics_of_whole_answers() -> Result<()> {
    let whole = recipe()
        .workload("stream", "false")
        .workload("goodput", "{e2e: 40ms}");
    // What is left without first tokens and gaps.
    check(
        "python_comes_to_the_same_metrics_of_whole_answers",
        &whole,
        FEWEST_NUMBERS / 3,
    )
}

#[test]
fn what_other_tools_would_call_it_differs_as_it_should() -> Result<()> {
    let workdir = Workdir::new()?;
    let finished = workdir.bench(&recipe())?.run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let mean = |tool: &str, metric: &str| -> Result<f64> {
        let document: serde_json::Value = serde_json::from_str(&report(&workdir, tool, "json")?)?;
        let metric = &document["trials"][0]["distributions"][metric];
        metric["mean"]
            .as_f64()
            .with_context(|| format!("no mean: {metric}"))
    };
    // An event with a role only, at once; eight tokens, the first after 10 ms, 4 ms from one to the next.
    for (tool, metric, expected, reason) in [
        ("vllm", "ttft", 0.0..6.0, "the event with the role is its first"),
        ("vllm", "tpot", 5.0..6.5, "so its 7 gaps take 10 ms + 7 · 4 ms"),
        ("aiperf", "time_to_first_token", 9.0..14.0, "content alone counts"),
        ("aiperf", "inter_token_latency", 3.7..4.9, "7 · 4 ms for 7 gaps"),
        (
            "guidellm",
            "time_per_output_token_ms",
            4.4..5.8,
            "38 ms for 8 tokens",
        ),
    ] {
        let found = mean(tool, metric)?;
        ensure!(expected.contains(&found), "{tool} {metric} {found}: {reason}");
    }
    Ok(())
}

#[test]
fn a_run_whose_records_are_gone_says_so() -> Result<()> {
    let workdir = Workdir::new()?;
    let finished = workdir.bench(&recipe().workload("duration", "1s"))?.run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    fs::remove_dir_all(workdir.run().join("records"))?;
    for tool in TOOLS {
        let text = report(&workdir, tool, "text")?;
        ensure!(text.contains("the attempt left no records"), "{text}");
        let table = report(&workdir, tool, "csv")?;
        ensure!(table.lines().count() == 2, "{table}");
    }
    Ok(())
}
