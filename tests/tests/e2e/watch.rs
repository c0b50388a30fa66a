//! Watching a run: every event once and in order, whatever becomes of the bus.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Finished, Process, Recipe, Running, Workdir, events, of_type, wait_until};
use nix::sys::signal::Signal;

const START: Duration = Duration::from_secs(20);
const LIMIT: Duration = Duration::from_mins(1);

/// A run of two short trials.
fn start(workdir: &Workdir) -> Result<Running> {
    let recipe = Recipe::simulated().workload("duration", "2s").levels(&[2, 4]);
    workdir.bench(&recipe)?.limit(LIMIT).start()
}

/// A watch that has begun.
fn watch(workdir: &Workdir, run: &Path, options: &[&str]) -> Result<Running> {
    let command = workdir.hpcbench()?.arg("watch").arg(run).args(options);
    command.limit(LIMIT).start()
}

fn wait_for_file(path: &Path) -> Result<()> {
    wait_until(START, &path.display().to_string(), || {
        Ok(path.exists().then_some(()))
    })
}

fn wait_for_event(workdir: &Workdir, kind: &str) -> Result<()> {
    wait_until(START, kind, || {
        let events = events(&workdir.run()).unwrap_or_default();
        Ok((!of_type(&events, kind).is_empty()).then_some(()))
    })
}

/// The bytes of the log, all epochs.
fn log(run: &Path) -> Result<String> {
    let mut files: Vec<_> = fs::read_dir(run.join("events"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    files
        .iter()
        .map(|file| fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display())))
        .collect()
}

fn expect_whole_log(watched: &Finished, run: &Path) -> Result<()> {
    let log = log(run)?;
    ensure!(
        watched.stdout == log,
        "not the {} lines of the log\n{watched}",
        log.lines().count()
    );
    Ok(())
}

/// This run's nats-server itself, not somebody who only watches over it.
fn bus(workdir: &Workdir) -> Result<Process> {
    let server = |process: &Process| {
        let program = process.command.split(' ').next();
        program.is_some_and(|program| program.ends_with("nats-server"))
    };
    let found = workdir.processes()?.into_iter().find(server);
    found.context("no nats-server")
}

#[test]
fn live_events_are_the_lines_of_the_log() -> Result<()> {
    let workdir = Workdir::new()?;
    let run = workdir.run();
    let running = start(&workdir)?;
    wait_for_file(&run.join("bus.json"))?;
    let watching = watch(&workdir, &run, &["--format", "json"])?;
    let (ran, watched) = (running.wait()?, watching.wait()?);
    expect_whole_log(&watched, &run)?;
    assert_eq!(watched.code, ran.code, "{watched}");
    ensure!(
        watched.stderr.starts_with("caught up with the run"),
        "{}",
        watched.stderr
    );
    assert_eq!(watched.stderr.lines().count(), 1, "{}", watched.stderr);

    // The same when it has ended.
    let again = watch(&workdir, &run, &["--format", "json"])?.wait()?;
    expect_whole_log(&again, &run)?;
    assert_eq!((again.code, again.stderr.as_str()), (ran.code, ""));
    let text = watch(&workdir, &run, &[])?.wait()?;
    assert_eq!(text.code, ran.code, "{text}");
    for words in ["phase execute", "trial 2/2", "run completed"] {
        ensure!(text.stdout.contains(words), "no {words}\n{text}");
    }
    Ok(())
}

#[test]
fn only_what_is_asked_for_is_shown() -> Result<()> {
    let workdir = Workdir::new()?;
    let run = workdir.run();
    let code = start(&workdir)?.wait()?.code;
    let log = log(&run)?;
    let shown = |options: &[&str]| -> Result<String> {
        let finished = watch(&workdir, &run, options)?.wait()?;
        assert_eq!(finished.code, code, "{finished}");
        Ok(finished.stdout)
    };
    let trials: String = log
        .split_inclusive('\n')
        .filter(|line| line.contains("\"type\":\"trial."))
        .collect();
    assert_eq!(shown(&["--format", "json", "--filter", "trial.*"])?, trials);
    let rest: String = log.split_inclusive('\n').skip(20).collect();
    assert_eq!(shown(&["--format", "json", "--from", "21"])?, rest);
    assert_eq!(shown(&["--format", "json", "--from", "100000"])?, "");
    let both = shown(&["--format", "json", "--filter", "trial.*", "--filter", "run.*"])?;
    assert_eq!(both.lines().count(), trials.lines().count() + 2);
    // In words too, whether people usually are told of them or not.
    let text = shown(&["--filter", "trial.*"])?;
    assert_eq!(text.lines().count(), trials.lines().count(), "{text}");
    ensure!(text.contains("trial.prepared of trial/"), "{text}");
    Ok(())
}

#[test]
fn the_bus_alone_is_enough() -> Result<()> {
    let workdir = Workdir::new()?;
    let run = workdir.run();
    let running = start(&workdir)?;
    wait_for_file(&run.join("bus.json"))?;
    let elsewhere = workdir.path().join("elsewhere");
    fs::create_dir(&elsewhere)?;
    for name in ["plan.json", "bus.json"] {
        fs::copy(run.join(name), elsewhere.join(name))?;
    }
    let watching = watch(&workdir, &elsewhere, &["--format", "json"])?;
    let (ran, watched) = (running.wait()?, watching.wait()?);
    expect_whole_log(&watched, &run)?;
    assert_eq!(watched.code, ran.code, "{watched}");
    Ok(())
}

#[test]
fn without_a_bus_the_file_is_followed() -> Result<()> {
    let workdir = Workdir::new()?;
    let run = workdir.run();
    let running = start(&workdir)?;
    wait_for_file(&run.join("bus.json"))?;
    fs::remove_file(run.join("bus.json"))?;
    let mut watching = watch(&workdir, &run, &["--format", "json"])?;
    wait_until(START, "the first trial's start", || {
        Ok(watching.stdout().contains("trial.started").then_some(()))
    })?;
    ensure!(!watching.has_ended()?, "it ended before the run");
    let (ran, watched) = (running.wait()?, watching.wait()?);
    expect_whole_log(&watched, &run)?;
    assert_eq!(watched.code, ran.code, "{watched}");
    Ok(())
}

#[test]
fn a_bus_that_is_somebody_else_s_is_none() -> Result<()> {
    let workdir = Workdir::new()?;
    let run = workdir.run();
    let running = start(&workdir)?;
    wait_for_file(&run.join("bus.json"))?;
    let text = fs::read_to_string(run.join("bus.json"))?;
    let mut rendezvous: serde_json::Value = serde_json::from_str(&text)?;
    rendezvous["credentials"]["observer"]["password"] = "wrong".into();
    fs::write(run.join("bus.json"), rendezvous.to_string())?;
    let watching = watch(&workdir, &run, &["--format", "json"])?;
    let (ran, watched) = (running.wait()?, watching.wait()?);
    expect_whole_log(&watched, &run)?;
    assert_eq!(watched.code, ran.code, "{watched}");
    Ok(())
}

#[test]
fn a_bus_that_is_killed_takes_no_event_along() -> Result<()> {
    let workdir = Workdir::new()?;
    let run = workdir.run();
    let running = start(&workdir)?;
    wait_for_event(&workdir, "load.started")?;
    let watching = watch(&workdir, &run, &["--format", "json"])?;
    wait_until(START, "the watch", || {
        Ok(watching.stdout().contains("load.started").then_some(()))
    })?;
    bus(&workdir)?.signal(Signal::SIGKILL)?;
    let (ran, watched) = (running.wait()?, watching.wait()?);
    ensure!(
        watched.stdout.contains("\"bus.exited\""),
        "the bus was not killed\n{watched}"
    );
    expect_whole_log(&watched, &run)?;
    assert_eq!(watched.code, ran.code, "{watched}");
    Ok(())
}

#[test]
fn an_interrupted_run_is_waited_for_until_it_ends() -> Result<()> {
    let workdir = Workdir::new()?;
    let run = workdir.run();
    let running = start(&workdir)?;
    wait_for_event(&workdir, "load.started")?;
    let watching = watch(&workdir, &run, &["--format", "json"])?;
    wait_until(START, "the watch", || {
        Ok(watching.stdout().contains("load.started").then_some(()))
    })?;
    running.signal(Signal::SIGKILL)?;
    running.wait()?;
    wait_until(START, "the writer to be missed", || {
        Ok(watching.stderr().contains("hpcbench resume").then_some(()))
    })?;
    let resumed = workdir.hpcbench()?.arg("resume").arg(&run).limit(LIMIT).run()?;
    let watched = watching.wait()?;
    expect_whole_log(&watched, &run)?;
    assert_eq!(watched.code, resumed.code, "{watched}\n{resumed}");
    assert_eq!(watched.stderr.matches("hpcbench resume").count(), 1, "{watched}");
    Ok(())
}

#[test]
fn an_interrupt_ends_it_and_nothing_else() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = start(&workdir)?;
    wait_for_event(&workdir, "load.started")?;
    let watching = watch(&workdir, &workdir.run(), &[])?;
    wait_until(START, "the watch", || {
        Ok(watching.stdout().contains("phase execute").then_some(()))
    })?;
    watching.interrupt()?;
    let watched = watching.wait()?;
    assert_eq!(watched.signal, Some(Signal::SIGINT as i32), "{watched}");
    let ran = running.wait()?;
    ensure!(
        of_type(&events(&workdir.run())?, "run.completed").len() == 1,
        "{ran}"
    );
    Ok(())
}
