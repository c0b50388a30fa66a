//! A search that is cut off goes on at the level at which it was. What it finds on a busy machine is not the point here.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary;
use hpcbench_tests::{Recipe, Workdir, data, events, of_type, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

/// How long a search of some dozen short trials may take.
const LIMIT: Duration = Duration::from_mins(3);
/// How long it may take until the second trial is under load.
const SECOND: Duration = Duration::from_mins(1);

/// A service that has four places.
fn recipe() -> Recipe {
    Recipe::simulated()
        .service("options", "{ttft: 50ms, itl: 5ms, jitter: 0.2, max_num_seqs: 4}")
        .workload("load", "{shape: closed}")
        .workload("duration", "1500ms")
        .workload("slo", "{ttft_p50: 80ms}")
        .top(
            "sweep",
            "{search: {parameter: workload.load.concurrency, from: 2, to: 16, max_trials: 16}}",
        )
}

/// The ids of the planned trials, in their order.
fn planned(workdir: &Workdir) -> Result<Vec<Value>> {
    let events = events(&workdir.run())?;
    let planned = of_type(&events, "trial.planned");
    Ok(planned
        .iter()
        .map(|event| event["data"]["trial"].clone())
        .collect())
}

#[test]
fn an_interrupted_search_goes_on_at_its_level() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = workdir.bench(&recipe())?.limit(LIMIT).start()?;
    let cut_off = wait_until(SECOND, "the load of the second trial", || {
        let second = planned(&workdir).unwrap_or_default().into_iter().nth(1);
        let events = events(&workdir.run()).unwrap_or_default();
        let loads = of_type(&events, "load.started");
        Ok(second.filter(|second| loads.iter().any(|load| load["data"]["trial"] == *second)))
    })?;
    for process in workdir.processes()? {
        // It may have ended meanwhile.
        let _ = process.signal(Signal::SIGKILL);
    }
    let killed = running.wait()?;
    ensure!(killed.signal.is_some(), "{killed}");
    let before = planned(&workdir)?;
    let status = workdir.hpcbench()?.arg("status").arg(workdir.run()).run()?;
    ensure!(
        status.stdout.contains("1 completed, of a search with at most 16"),
        "{status}"
    );

    let resumed = workdir.resume()?.limit(LIMIT).run()?;
    let events = events(&workdir.run())?;
    let outcome = &data(&events, "search.ended")?["outcome"];
    let code = i32::from(outcome != "found");
    ensure!(resumed.code == Some(code), "{outcome}\n{resumed}");
    ensure!(
        of_type(&events, "run.resumed").len() == 1,
        "it was not resumed\n{resumed}"
    );

    // What was planned stays so, and each trial was made once but for the one that was cut off.
    let after = planned(&workdir)?;
    ensure!(after.starts_with(&before), "{before:?} became {after:?}");
    let summary = summary::read(&workdir.run())?;
    let trials = summary["trials"].as_array().context("no trials")?;
    ensure!(
        trials.len() == after.len(),
        "{} trials of {}\n{resumed}",
        trials.len(),
        after.len()
    );
    for (trial, id) in trials.iter().zip(&after) {
        ensure!(trial["id"] == *id, "{trial} is not {id}");
        let attempts = if *id == cut_off { 2 } else { 1 };
        ensure!(summary::count(trial, "/attempt")? == attempts, "{trial}");
    }
    ensure!(summary["search"]["outcome"] == *outcome, "{summary}");
    workdir.expect_no_process(Duration::from_secs(5))
}
