//! Services that do something else than was asked, or did not do the work.

use anyhow::{Result, ensure};
use hpcbench_tests::summary::{count, number};
use hpcbench_tests::{Recipe, Workdir, library};

use super::{ended, expect, recipe, says, trial};

/// A simulated service with these options.
fn service(options: &str) -> Recipe {
    recipe().service("options", options)
}

#[test]
fn a_handful_of_requests_says_nothing() -> Result<()> {
    // 550 ms each, one after the other, for three seconds.
    let recipe = service("{ttft: 200ms, itl: 50ms}").workload("load", "{shape: closed, concurrency: 1}");
    expect(&trial(&recipe)?, "invalid", "fewer than 30")
}

#[test]
fn some_hundred_requests_are_too_few_for_a_p99() -> Result<()> {
    // 24 ms each, four at a time, for three seconds: 500 at most.
    expect(
        &trial(&recipe())?,
        "suspect",
        "fewer than the 1000 that a p99 takes",
    )
}

#[test]
fn a_service_that_cannot_keep_up_is_named() -> Result<()> {
    // Two at a time can be answered some eighty times a second.
    let recipe = recipe().workload("load", "{shape: poisson, rate: 200, max_in_flight: 2}");
    expect(&trial(&recipe)?, "suspect", "over capacity")
}

#[test]
fn answers_of_another_length_are_told() -> Result<()> {
    // 8 tokens were asked for.
    let short = service("{ttft: 10ms, itl: 2ms, faults: [{share: 1.0, fault: tokens=4}]}");
    expect(
        &trial(&short)?,
        "invalid",
        "output lengths are 50 % off the plan, more than 10 %",
    )
}

#[test]
fn answers_that_are_a_little_too_long_are_told() -> Result<()> {
    let long = service("{ttft: 10ms, itl: 1ms, faults: [{share: 1.0, fault: tokens=51}]}").workload(
        "prompts",
        "{source: synthetic, input_tokens: 16, output_tokens: 50}",
    );
    expect(
        &trial(&long)?,
        "suspect",
        "output lengths are 2 % off the plan, more than 1 %",
    )
}

#[test]
fn a_model_that_cannot_be_kept_from_ending_early_may() -> Result<()> {
    // Half of the answers end before their 8 tokens: lengths are a quarter off, where 10 % would be invalid.
    let free = service("{ttft: 10ms, itl: 2ms, early_stop: 0.5}").workload("endpoint", "generate");
    let trial = trial(&free)?;
    let requests = count(&trial, "/requests/ok")? as f64;
    let tokens = number(&trial, "/output_tokens")?;
    ensure!(tokens < 0.95 * 8.0 * requests, "{trial}");
    ensure!(!says(&trial, "output lengths")?, "{trial}");
    Ok(())
}

#[test]
fn a_prefix_cache_that_knows_prompts_which_are_new_is_told() -> Result<()> {
    let hot = service("{ttft: 10ms, itl: 2ms, prefix_hits: 0.5}");
    let words = "of the input tokens came from a cache, more than 20 %";
    expect(&trial(&hot)?, "invalid", words)?;
    // It may know those that were made to begin alike.
    let alike = hot.workload(
        "prompts",
        "{source: synthetic, input_tokens: 16, output_tokens: 8, shared_prefix_tokens: 8}",
    );
    ensure!(!says(&trial(&alike)?, "came from a cache")?);
    Ok(())
}

#[test]
fn failures_are_told_and_so_is_what_the_recipe_tolerates_of_them() -> Result<()> {
    // About a third of some hundred requests.
    let failing = service("{ttft: 10ms, itl: 2ms, faults: [{share: 0.3, fault: status=500}]}");
    expect(
        &trial(&failing)?,
        "invalid",
        "% of the requests failed, more than the tolerated 0 %",
    )?;
    let strict = failing.clone().workload("tolerance", "{failed: 0.1}");
    expect(
        &trial(&strict)?,
        "invalid",
        "% of the requests failed, more than the tolerated 10 %",
    )?;
    let tolerated = trial(&failing.workload("tolerance", "{failed: 0.6}"))?;
    expect(&tolerated, "suspect", "% of the requests failed")?;
    ensure!(!says(&tolerated, "tolerated")?, "{tolerated}");
    Ok(())
}

#[test]
fn a_service_without_any_success_has_no_numbers() -> Result<()> {
    let empty = service("{ttft: 10ms, itl: 2ms, faults: [{share: 1.0, fault: role-only}]}");
    expect(&trial(&empty)?, "invalid", "requests in the window succeeded")
}

#[test]
fn a_service_that_slows_down_has_no_steady_state() -> Result<()> {
    // t seconds after its start all takes 1 + 0.3 t times as long. The window of 3 s begins at some t0: first tokens come
    // 0.9 / (1 + 0.3 t0) later at its end, +37 % even at t0 = 5, where 5 % are allowed.
    let slowing = service("{ttft: 10ms, itl: 500us, drift: 0.3}");
    expect(&trial(&slowing)?, "suspect", "TTFT rises over the window")
}

#[test]
fn a_gpu_that_heat_slows_down_is_named() -> Result<()> {
    let workdir = Workdir::new()?;
    library(&workdir, "hot-gpu.c", "libnvidia-ml.so.1")?;
    // Looked at twelve times in the window.
    let recipe = recipe().top("monitoring", "{system_interval: 250ms, gpu: required}");
    let bench = workdir.bench(&recipe)?.env("LD_LIBRARY_PATH", workdir.path());
    let trial = ended(&workdir, bench.start()?)?;
    expect(&trial, "suspect", "GPU 0 of server was throttled for")
}
