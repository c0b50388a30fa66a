//! The recipe that everybody tries first.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::{count, number, trials};
use hpcbench_tests::{Finished, Workdir, data, events, of_type, terminal, workspace};

use crate::repeated;

const SETTLE: Duration = Duration::from_secs(5);

/// The lowest bits of a mode that are not the owner's.
const OTHERS: u32 = 6;

#[test]
fn the_quickstart_keeps_its_promises() -> Result<()> {
    repeated("the_quickstart_keeps_its_promises", quickstart)
}

/// The run takes half a minute, so one has to do for all that is looked at.
fn quickstart() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = workspace().join("recipes/quickstart.yaml");
    let command = workdir
        .hpcbench()?
        .arg("run")
        .arg(&recipe)
        .arg("--run-dir")
        .arg(workdir.run());
    let finished = command.limit(Duration::from_mins(2)).run()?;
    println!("{finished}");
    let finished = finished.expect_code(0)?;
    workdir.expect_no_process(SETTLE)?;
    ensure!(
        finished.elapsed < Duration::from_mins(1),
        "it took {:?}",
        finished.elapsed
    );
    it_prints_a_table(&finished)?;
    it_measures_three_load_levels(&workdir.run())?;
    it_tells_its_story_in_the_event_log(&workdir.run())?;
    it_keeps_what_it_was_given(&workdir.run(), &recipe)?;
    it_leaves_files_for_its_owner_only(workdir.run())
}

fn it_prints_a_table(finished: &Finished) -> Result<()> {
    for word in ["ttft", "itl", "tpot", "e2e", "p50", "p90", "p99", "valid"] {
        ensure!(
            finished.stdout.to_lowercase().contains(word),
            "no {word} in the table\n{finished}"
        );
    }
    let both = finished.stdout.clone() + &finished.stderr;
    ensure!(
        !both.contains('\x1b') && !both.contains('\r'),
        "control characters without a terminal\n{finished}"
    );
    Ok(())
}

fn it_measures_three_load_levels(run: &Path) -> Result<()> {
    let trials = trials(run)?;
    assert_eq!(trials.len(), 3);
    for trial in &trials {
        assert_eq!(trial["verdict"]["status"], "valid", "{trial}");
        assert_eq!(count(trial, "/requests/error")?, 0, "{trial}");
        ensure!(count(trial, "/requests/ok")? >= 30, "{trial}");
        ensure!(number(trial, "/output_token_throughput")? > 0.0, "{trial}");
        for metric in ["ttft", "itl", "tpot", "e2e"] {
            let value = |name| number(trial, &format!("/metrics/{metric}/{name}"));
            let ascending = [
                0.0,
                value("min")?,
                value("p50")?,
                value("p90")?,
                value("p99")?,
                value("max")?,
            ];
            ensure!(ascending.is_sorted(), "{metric} of {trial}");
        }
    }
    let table = fs::read_to_string(run.join("report/summary.csv")).context("no summary.csv")?;
    assert_eq!(table.lines().count(), 1 + trials.len(), "{table}");
    Ok(())
}

fn it_tells_its_story_in_the_event_log(run: &Path) -> Result<()> {
    let events = events(run)?;
    let phases: Vec<_> = of_type(&events, "phase.entered")
        .iter()
        .map(|event| event["data"]["phase"].clone())
        .collect();
    assert_eq!(
        phases,
        [
            "initialize",
            "deploy",
            "monitor",
            "connect",
            "execute",
            "teardown"
        ]
    );
    assert_eq!(terminal(&events)?["data"]["exit_code"], 0);
    assert_eq!(data(&events, "state.verified")?["equal"], true);
    // One service for all trials: what a sweep does not change stays up.
    assert_eq!(of_type(&events, "service.ready").len(), 1);
    assert_eq!(of_type(&events, "service.exited").len(), 1);
    let started = of_type(&events, "trial.started");
    assert_eq!(started.len(), 3);
    assert_eq!(of_type(&events, "trial.completed").len(), 3);
    for trial in started {
        let (id, attempt) = (
            trial["data"]["trial"].as_str().context("no id")?,
            &trial["data"]["attempt"],
        );
        ensure!(
            id.len() == "0123456789ab-r1".len() && id.ends_with("-r1") && attempt == 1,
            "{trial}"
        );
    }
    Ok(())
}

fn it_keeps_what_it_was_given(run: &Path, recipe: &Path) -> Result<()> {
    assert_eq!(
        fs::read(run.join("recipe.yaml"))?,
        fs::read(recipe)?,
        "the recipe is not kept as given"
    );
    let plan: serde_json::Value = serde_json::from_slice(&fs::read(run.join("plan.json"))?)?;
    assert_eq!(plan["trials"].as_array().map(Vec::len), Some(3));
    for folder in ["events", "records", "logs", "report"] {
        ensure!(run.join(folder).is_dir(), "no {folder}");
    }
    Ok(())
}

fn it_leaves_files_for_its_owner_only(run: PathBuf) -> Result<()> {
    let mut folders = vec![run];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let mode = entry.metadata()?.permissions().mode();
            ensure!(
                mode.trailing_zeros() >= OTHERS,
                "others may use {}: {mode:o}",
                entry.path().display()
            );
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
}
