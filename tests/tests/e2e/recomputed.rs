//! The summaries of real runs, recomputed in Python from the records that they left.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::{count, trials};
use hpcbench_tests::{Recipe, Workdir, skip, workspace};

/// The harness's exit code where something cannot be had on this machine.
const SKIP: i32 = 77;

/// The fewest numbers of a trial that have to agree: ten for each of eight metrics, and their intervals.
const FEWEST_NUMBERS: usize = 100;

pub(crate) fn harness(name: &str) -> PathBuf {
    workspace().join("tests/harness/stats").join(name)
}

/// A Python that reads Parquet; none, and a note, where it cannot be had.
pub(crate) fn python(test: &str) -> Result<Option<PathBuf>> {
    let environment = workspace().join("target/test-python/pyarrow");
    let output = Command::new(harness("environment.sh"))
        .arg(environment)
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(SKIP) {
        skip(test, errors.trim());
        return Ok(None);
    }
    ensure!(output.status.success(), "{errors}");
    Ok(Some(String::from_utf8(output.stdout)?.trim().into()))
}

/// How many numbers of the run's summary Python finds to be as it computes them.
fn agreeing(python: &Path, run: &Path) -> Result<usize> {
    let checked = Command::new(python)
        .arg("-B")
        .arg(harness("check_run.py"))
        .arg(run)
        .output()?;
    ensure!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    let numbers = String::from_utf8(checked.stdout)?;
    numbers.trim().parse().context("not a number of numbers")
}

/// Requests of about 30 ms, of which some miss their limits.
fn recipe(load: &str) -> Recipe {
    Recipe::simulated()
        .service("options", "{ttft: 10ms, itl: 2ms, jitter: 0.3}")
        .workload("load", load)
        .workload("warmup", "500ms")
        .workload("duration", "4s")
        .workload("slo", "{ttft_p99: 13ms, itl_p90: 3ms, e2e_p50: 20ms}")
        .workload("goodput", "{ttft: 12ms, e2e: 28ms}")
}

/// The run's summary, which has intervals of this metric, is what Python comes to, with this many numbers at least.
fn check(test: &str, recipe: &Recipe, metric: &str, fewest: usize) -> Result<()> {
    let Some(python) = python(test)? else {
        return Ok(());
    };
    let workdir = Workdir::new()?;
    let finished = workdir.bench(recipe)?.run()?;
    // Whether so short a measurement is valid depends on the machine; what its numbers mean does not.
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let trial = &trials(&workdir.run())?[0];
    ensure!(
        trial["metrics"][metric]["interval"]["p50"].is_array(),
        "no interval to compare: {trial}"
    );
    ensure!(count(trial, "/goodput/good")? > 0, "nothing good: {trial}");
    let numbers = agreeing(&python, &workdir.run())?;
    println!("{numbers} numbers agree");
    ensure!(numbers >= fewest, "only {numbers} numbers were compared");
    Ok(())
}

#[test]
fn python_comes_to_the_same_summary_of_a_closed_loop() -> Result<()> {
    check(
        "python_comes_to_the_same_summary_of_a_closed_loop",
        &recipe("{shape: closed, concurrency: 8}"),
        "ttft",
        FEWEST_NUMBERS,
    )
}

#[test]
fn python_comes_to_the_same_summary_of_random_arrivals() -> Result<()> {
    check(
        "python_comes_to_the_same_summary_of_random_arrivals",
        &recipe("{shape: poisson, rate: 200, max_in_flight: 100}"),
        "ttft",
        FEWEST_NUMBERS,
    )
}

#[test]
fn python_comes_to_the_same_summary_of_whole_answers() -> Result<()> {
    let whole = recipe("{shape: closed, concurrency: 8}")
        .workload("stream", "false")
        .workload("slo", "{e2e_p50: 20ms, e2e_p99: 60ms}")
        .workload("goodput", "{e2e: 28ms}");
    // Half of the metrics are those of streams.
    check(
        "python_comes_to_the_same_summary_of_whole_answers",
        &whole,
        "e2e",
        FEWEST_NUMBERS / 2,
    )
}
