//! Cancelling a run from outside.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use hpcbench_tests::{Finished, Recipe, Running, Workdir, data, events, of_type, terminal, wait_until};
use nix::sys::signal::Signal;

const START: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_secs(10);

/// A run in the middle of a long trial.
fn under_load(workdir: &Workdir) -> Result<Running> {
    let running = workdir
        .bench(&Recipe::simulated().workload("duration", "60s"))?
        .start()?;
    wait_until(START, "the load", || {
        let events = events(&workdir.run()).unwrap_or_default();
        Ok((!of_type(&events, "load.started").is_empty()).then_some(()))
    })?;
    Ok(running)
}

fn cancel(workdir: &Workdir, options: &[&str]) -> Result<Finished> {
    let command = workdir.hpcbench()?.arg("cancel").arg(workdir.run()).args(options);
    let finished = command.run()?;
    assert_eq!(finished.stdout, "", "{finished}");
    Ok(finished)
}

/// The run was cancelled over this way, and the log says for which reason.
fn expect_cancelled(workdir: &Workdir, source: &str, reason: &str) -> Result<()> {
    let events = events(&workdir.run())?;
    assert_eq!(terminal(&events)?["type"], "run.cancelled");
    assert_eq!(of_type(&events, "cancel.requested").len(), 1);
    let request = data(&events, "cancel.requested")?;
    assert_eq!(request["source"], source);
    assert_eq!(request["reason"], reason);
    let host = nix::unistd::gethostname()?;
    assert_eq!(request["host"].as_str(), host.to_str());
    ensure!(request["user"].is_string(), "nobody asked: {request}");
    workdir.expect_no_process(SETTLE)
}

fn file(run: &Path) -> std::path::PathBuf {
    run.join("cancel")
}

#[test]
fn over_the_bus() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = under_load(&workdir)?;
    let cancelled = cancel(&workdir, &["--reason", "somebody needs the node"])?.expect_code(0)?;
    ensure!(cancelled.stderr.contains("asked to end"), "{cancelled}");
    running.wait()?.expect_code(1)?;
    expect_cancelled(&workdir, "bus", "somebody needs the node")?;
    let events = events(&workdir.run())?;
    let command = &data(&events, "cancel.requested")?["command_line"];
    ensure!(
        command[1] == "cancel" && command[4] == "somebody needs the node",
        "{command}"
    );

    let again = cancel(&workdir, &[])?.expect_code(0)?;
    ensure!(again.stderr.contains("ended already"), "{again}");
    ensure!(!file(&workdir.run()).exists());
    Ok(())
}

#[test]
fn by_a_file_where_there_is_no_bus() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = under_load(&workdir)?;
    fs::remove_file(workdir.run().join("bus.json"))?;
    let cancelled = cancel(&workdir, &[])?.expect_code(0)?;
    ensure!(cancelled.stderr.contains("took it"), "{cancelled}");
    running.wait()?.expect_code(1)?;
    expect_cancelled(&workdir, "file", "asked by a file in the run directory")?;
    ensure!(!file(&workdir.run()).exists());
    Ok(())
}

#[test]
fn a_run_that_is_held_up_is_cancelled_when_it_goes_on() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = under_load(&workdir)?;
    fs::remove_file(workdir.run().join("bus.json"))?;
    running.signal(Signal::SIGSTOP)?;
    let refused = cancel(&workdir, &[])?.expect_code(3)?;
    ensure!(refused.stderr.contains("nobody has taken"), "{refused}");
    ensure!(file(&workdir.run()).exists(), "{refused}");
    running.signal(Signal::SIGCONT)?;
    running.wait()?.expect_code(1)?;
    let events = events(&workdir.run())?;
    // Its agents may have given it up meanwhile; what counts is that it ends and takes the request along.
    terminal(&events)?;
    assert_eq!(of_type(&events, "cancel.requested").len(), 1);
    ensure!(!file(&workdir.run()).exists());
    Ok(())
}

#[test]
fn a_run_whose_process_is_gone_is_left_alone() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = under_load(&workdir)?;
    running.signal(Signal::SIGKILL)?;
    running.wait()?;
    workdir.expect_no_process(SETTLE)?;
    let refused = cancel(&workdir, &[])?.expect_code(0)?;
    ensure!(refused.stderr.contains("hpcbench resume"), "{refused}");
    ensure!(!file(&workdir.run()).exists(), "a resumed run would meet it");
    ensure!(of_type(&events(&workdir.run())?, "cancel.requested").is_empty());
    Ok(())
}
