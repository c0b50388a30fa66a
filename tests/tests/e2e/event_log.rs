//! The log is the run: what it says can be checked, replayed and trusted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{GuideVerifier, Recipe, Workdir, data, events, of_type, summary, terminal, wait_until};
use serde_json::Value;

/// A finished run with two trials.
fn finished_run() -> Result<Workdir> {
    let workdir = Workdir::new()?;
    let finished = workdir.bench(&Recipe::simulated().levels(&[1, 2]))?.run()?;
    // A second is too short for a valid verdict; that is not the point here.
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    ensure!(
        of_type(&events(&workdir.run())?, "trial.completed").len() == 2,
        "{finished}"
    );
    Ok(workdir)
}

fn verify(workdir: &Workdir, code: i32) -> Result<Value> {
    let command = workdir
        .hpcbench()?
        .arg("verify")
        .arg(workdir.run())
        .args(["--format", "json"]);
    command.run()?.expect_code(code)?.json()
}

fn log_file(run: &Path) -> PathBuf {
    run.join("events/000001.jsonl")
}

/// Changes the log's lines.
fn rewrite(run: &Path, change: impl FnOnce(&mut Vec<String>)) -> Result<()> {
    let text = fs::read_to_string(log_file(run))?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(log_file(run), lines.join("\n") + "\n")?;
    Ok(())
}

#[test]
fn two_verifiers_agree() -> Result<()> {
    let workdir = finished_run()?;
    let (count, head) = GuideVerifier::of_run()?.verify(&workdir.run())?;
    let verdict = verify(&workdir, 0)?;
    assert_eq!(verdict["ok"], true, "{verdict}");
    assert_eq!(verdict["events"], count, "{verdict}");
    assert_eq!(verdict["epochs"], 1, "{verdict}");
    assert_eq!(verdict["head"]["hash"], head.as_str(), "{verdict}");
    assert_eq!(summary::read(&workdir.run())?["chain_head"], head.as_str());
    let told = workdir.hpcbench()?.arg("verify").arg(workdir.run());
    let told = told.run()?.expect_code(0)?;
    let words = format!("{count} events in 1 epoch, head {count} {head}");
    ensure!(told.stdout.contains(&words), "no {words}\n{told}");
    let events = events(&workdir.run())?;
    let artifacts = of_type(&events, "artifact.recorded").len();
    ensure!(artifacts >= 2, "only {artifacts} files are covered by the log");
    let probed = data(&events, "filesystem.probed")?;
    ensure!(
        probed["path"] == "events" && probed["sync_p99_seconds"].as_f64() > Some(0.0),
        "{probed:#}"
    );
    Ok(())
}

#[test]
fn a_changed_line_is_found() -> Result<()> {
    let workdir = finished_run()?;
    rewrite(&workdir.run(), |lines| {
        lines[4] = lines[4].replacen("\"node\":", "\"nope\":", 1);
    })?;
    let verdict = verify(&workdir, 4)?;
    assert_eq!(verdict["ok"], false);
    let problem = &verdict["problems"][0];
    assert_eq!(
        (&problem["line"], &problem["seq"]),
        (&Value::from(5), &Value::from(5)),
        "{verdict}"
    );
    ensure!(
        problem["file"]
            .as_str()
            .is_some_and(|file| file.ends_with("000001.jsonl")),
        "{verdict}"
    );
    let text = workdir
        .hpcbench()?
        .arg("verify")
        .arg(workdir.run())
        .run()?
        .expect_code(4)?;
    ensure!(
        (text.stdout.clone() + &text.stderr).contains("000001.jsonl"),
        "{text}"
    );
    Ok(())
}

#[test]
fn missing_exchanged_and_repeated_lines_are_found() -> Result<()> {
    let workdir = finished_run()?;
    let original = fs::read(log_file(&workdir.run()))?;
    let changes: [fn(&mut Vec<String>); 3] = [
        |lines| drop(lines.remove(3)),
        |lines| lines.swap(3, 4),
        |lines| lines.insert(3, lines[3].clone()),
    ];
    for change in changes {
        fs::write(log_file(&workdir.run()), &original)?;
        rewrite(&workdir.run(), change)?;
        verify(&workdir, 4)?;
    }
    fs::write(log_file(&workdir.run()), &original)?;
    verify(&workdir, 0)?;
    Ok(())
}

#[test]
fn a_log_without_its_end_is_not_taken_for_a_finished_run() -> Result<()> {
    let workdir = finished_run()?;
    rewrite(&workdir.run(), |lines| drop(lines.pop()))?;
    let status = workdir
        .hpcbench()?
        .arg("status")
        .arg(workdir.run())
        .args(["--format", "json"])
        .run()?
        .expect_code(0)?;
    ensure!(status.json()?["state"] != "completed", "{status}");
    // The report was made of the whole log.
    verify(&workdir, 4)?;
    Ok(())
}

#[test]
fn a_torn_last_line_is_no_damage() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = workdir
        .bench(&Recipe::simulated().workload("duration", "30s"))?
        .start()?;
    wait_until(Duration::from_secs(10), "the load", || {
        Ok(events(&workdir.run())
            .ok()
            .filter(|events| !of_type(events, "load.started").is_empty()))
    })?;
    running.signal(nix::sys::signal::Signal::SIGKILL)?;
    running.wait()?;
    workdir.expect_no_process(Duration::from_secs(10))?;
    verify(&workdir, 0)?;
    let mut log = fs::read(log_file(&workdir.run()))?;
    log.extend_from_slice(b"{\"seq\":99,\"prev\":\"4f");
    fs::write(log_file(&workdir.run()), log)?;
    let verdict = verify(&workdir, 0)?;
    ensure!(
        verdict["notes"].as_array().is_some_and(|notes| !notes.is_empty()),
        "no note of it: {verdict}"
    );
    GuideVerifier::of_run()?.verify(&workdir.run())?;
    Ok(())
}

/// It had its plan and its claim of the log, and nothing else.
#[test]
fn a_run_that_was_killed_before_its_first_event_starts_from_its_plan() -> Result<()> {
    let workdir = Workdir::new()?;
    let run = workdir.run();
    workdir.write("recipe.yaml", &Recipe::simulated().text())?;
    let plan = workdir
        .hpcbench()?
        .args(["plan", "recipe.yaml", "--format", "json"])
        .run()?
        .expect_code(0)?;
    fs::create_dir_all(run.join("events"))?;
    fs::write(run.join("plan.json"), plan.stdout)?;
    fs::copy(workdir.path().join("recipe.yaml"), run.join("recipe.yaml"))?;
    fs::write(log_file(&run), "{\"seq\":1,\"prev\":\"e3b0")?;
    let finished = workdir.resume()?.run()?;
    let events = events(&run)?;
    let code = terminal(&events)?["data"]["exit_code"].as_i64();
    // A second is too short for a valid verdict; that is not the point here.
    ensure!(
        matches!(code, Some(0 | 1)) && code == finished.code.map(i64::from),
        "{finished}"
    );
    let kinds: Vec<&Value> = events.iter().take(2).map(|event| &event["type"]).collect();
    ensure!(kinds == ["epoch.started", "run.created"], "{kinds:?}\n{finished}");
    ensure!(events[0]["data"]["epoch"] == 2, "{finished}");
    ensure!(of_type(&events, "trial.completed").len() == 1, "{finished}");
    verify(&workdir, 0).map(drop)
}

#[test]
fn replay_shows_what_the_log_says() -> Result<()> {
    let workdir = finished_run()?;
    let replay = |format: &str| {
        workdir
            .hpcbench()?
            .arg("replay")
            .arg(workdir.run())
            .args(["--format", format])
            .run()
    };
    let log = events(&workdir.run())?;

    let replayed = replay("events")?.expect_code(0)?;
    let replayed: Vec<Value> = replayed
        .stdout
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(replayed.len(), log.len());
    for (shown, written) in replayed.iter().zip(&log) {
        assert_eq!(
            (&shown["seq"], &shown["type"]),
            (&written["seq"], &written["type"])
        );
    }

    let timeline = replay("timeline")?.expect_code(0)?;
    for kind in ["service.ready", "trial.completed", "run.completed"] {
        ensure!(timeline.stdout.contains(kind), "no {kind}\n{timeline}");
    }

    let state = replay("state")?.expect_code(0)?.json()?;
    assert_eq!(state["seq"], terminal(&log)?["seq"], "{state}");
    assert_eq!(state["anomaly_count"], 0, "{state}");
    Ok(())
}

#[test]
fn replay_stops_where_it_is_told() -> Result<()> {
    let workdir = finished_run()?;
    let log = events(&workdir.run())?;
    let ready = of_type(&log, "service.ready")[0]["seq"].to_string();
    let replay = workdir
        .hpcbench()?
        .arg("replay")
        .arg(workdir.run())
        .args(["--format", "state", "--until", &ready]);
    let state = replay.run()?.expect_code(0)?.json()?;
    assert_eq!(state["seq"].to_string(), ready);
    assert_eq!(
        state["trials"].as_object().map(serde_json::Map::len),
        Some(0),
        "{state}"
    );
    Ok(())
}

#[test]
fn list_and_status_know_the_run() -> Result<()> {
    let workdir = finished_run()?;
    let id = of_type(&events(&workdir.run())?, "run.created")[0]["data"]["run"].clone();
    let id = id.as_str().context("no run id")?;
    let list = workdir.hpcbench()?.arg("list").run()?.expect_code(0)?;
    ensure!(list.stdout.contains(id), "{list}");
    let list = workdir
        .hpcbench()?
        .args(["list", "--format", "json"])
        .run()?
        .expect_code(0)?;
    ensure!(list.json()?.to_string().contains(id), "{list}");

    for run in [workdir.run().display().to_string(), id.to_owned()] {
        let status = workdir
            .hpcbench()?
            .args(["status", &run, "--format", "json"])
            .run()?
            .expect_code(0)?;
        let state = status.json()?;
        assert_eq!(
            (&state["run"], &state["state"]),
            (&Value::from(id), &Value::from("completed")),
            "{status}"
        );
        assert_eq!(state["trials"]["total"], 2, "{status}");
        assert_eq!(state["trials"]["completed"], 2, "{status}");
    }
    workdir
        .hpcbench()?
        .args(["status", "no-such-run"])
        .run()?
        .expect_code(2)?;
    Ok(())
}
