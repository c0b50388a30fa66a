//! A search for the highest load finds what the service can carry.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary;
use hpcbench_tests::{Finished, Recipe, Workdir, events, of_type};
use serde_json::Value;

use crate::repeated;

/// Requests that the service takes at once: with one client more, some wait.
const SLOTS: u64 = 6;
/// How long a search may take: a dozen trials of some seconds.
const LIMIT: Duration = Duration::from_mins(4);

/// A request takes some 190 ms, so that one that waits for a place gets its first token far too late.
fn recipe() -> Recipe {
    let options = format!("{{ttft: 50ms, itl: 20ms, jitter: 0.2, max_num_seqs: {SLOTS}}}");
    Recipe::simulated()
        .service("options", &options)
        .workload("load", "{shape: closed}")
        .workload("warmup", "500ms")
        .workload("duration", "4s")
        .workload("slo", "{ttft_p90: 75ms}")
        .top(
            "sweep",
            "{search: {parameter: workload.load.concurrency, from: 4, to: 64}}",
        )
}

/// Expects that the search has found the number of places.
fn expect_found(workdir: &Workdir, finished: &Finished) -> Result<Value> {
    ensure!(finished.code == Some(0), "{finished}");
    let summary = summary::read(&workdir.run())?;
    let search = &summary["search"];
    ensure!(search["outcome"] == "found", "{search}\n{finished}");
    ensure!(summary::count(search, "/answer")? == SLOTS, "{search}");
    ensure!(summary::count(search, "/boundary")? == SLOTS + 1, "{search}");
    Ok(summary)
}

#[test]
fn the_capacity_of_a_service_is_found() -> Result<()> {
    repeated("the_capacity_of_a_service_is_found", search)
}

fn search() -> Result<()> {
    let workdir = Workdir::new()?;
    let finished = workdir.bench(&recipe())?.limit(LIMIT).run()?;
    let summary = expect_found(&workdir, &finished)?;
    workdir.expect_no_process(Duration::from_secs(5))?;

    // Each trial was planned before it was begun, and the log tells what decided it.
    let events = events(&workdir.run())?;
    let planned = of_type(&events, "trial.planned");
    let trials = summary["trials"].as_array().context("no trials")?;
    ensure!(
        planned.len() == trials.len(),
        "{} planned, {} made",
        planned.len(),
        trials.len()
    );
    for (planned, trial) in planned.iter().zip(trials) {
        ensure!(
            planned["data"]["trial"] == trial["id"],
            "{planned} is not {trial}"
        );
        ensure!(
            planned["data"]["parameters"] == trial["parameters"],
            "{planned} is not {trial}"
        );
        let because = planned["data"]["because"].as_str();
        ensure!(because.is_some_and(|because| !because.is_empty()), "{planned}");
    }
    ensure!(
        of_type(&events, "search.ended").len() == 1,
        "the search did not end once"
    );

    // Every trial is one of the levels', and the answer was confirmed.
    let levels = summary["search"]["levels"].as_array().context("no levels")?;
    let of_levels: usize = levels
        .iter()
        .map(|level| level["trials"].as_array().map_or(0, Vec::len))
        .sum();
    ensure!(
        of_levels == trials.len(),
        "{of_levels} trials of levels, {} in all",
        trials.len()
    );
    let last = levels.last().context("no last level")?;
    ensure!(
        last["purpose"] == "confirm" && last["judgement"] == "passes",
        "{last}"
    );

    for words in ["found: concurrency 6 keeps the objectives", "ttft_p90"] {
        let report = workdir.hpcbench()?.arg("report").arg(workdir.run()).run()?;
        ensure!(report.stdout.contains(words), "{words:?} is not in\n{report}");
    }
    let status = workdir.hpcbench()?.arg("status").arg(workdir.run()).run()?;
    ensure!(status.stdout.contains("the search ended: found"), "{status}");
    Ok(())
}
