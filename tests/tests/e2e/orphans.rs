//! Whoever is killed, nobody is left over.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Process, Recipe, Running, Workdir, events, of_type, terminal, wait_until};
use nix::sys::signal::Signal;

const START: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_secs(15);

/// A run with a short trial under way, and its processes, the program itself first.
fn under_load(workdir: &Workdir) -> Result<(Running, Vec<Process>)> {
    let recipe = Recipe::simulated()
        .workload("duration", "3s")
        .workload("warmup", "1s");
    let running = workdir.bench(&recipe)?.start()?;
    wait_until(START, "the load", || {
        Ok(events(&workdir.run())
            .ok()
            .filter(|events| !of_type(events, "load.started").is_empty()))
    })?;
    let mut processes = workdir.processes()?;
    processes.sort_by_key(|process| process.pid != running.pid());
    Ok((running, processes))
}

/// What the processes of a run do, as their arguments tell, without what differs from run to run.
fn roles(processes: &[Process]) -> Vec<String> {
    processes
        .iter()
        .map(|process| {
            process
                .command
                .split_whitespace()
                .take(3)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

#[test]
fn every_process_names_its_run() -> Result<()> {
    let workdir = Workdir::new()?;
    let (running, processes) = under_load(&workdir)?;
    let run = workdir.run().display().to_string();
    for process in &processes {
        ensure!(
            process.command.contains(&run),
            "cannot be told by its arguments: {process:?}"
        );
    }
    // The program, nats-server, an agent for the service, the service and its guard.
    ensure!(processes.len() >= 5, "{processes:#?}");
    running.wait()?;
    workdir.expect_no_process(SETTLE)
}

#[test]
fn whichever_process_is_killed() -> Result<()> {
    let count = {
        let workdir = Workdir::new()?;
        let (_running, processes) = under_load(&workdir)?;
        processes.len()
    };
    for victim in 0..count {
        let workdir = Workdir::new()?;
        let (running, processes) = under_load(&workdir)?;
        let Some(process) = processes.get(victim) else {
            continue;
        };
        process.signal(Signal::SIGKILL)?;
        let finished = running
            .wait()
            .with_context(|| format!("{process:?} was killed"))?;
        workdir
            .expect_no_process(SETTLE)
            .with_context(|| format!("{process:?} was killed among {:?}\n{finished}", roles(&processes)))?;
        let verified = workdir.hpcbench()?.arg("verify").arg(workdir.run()).run()?;
        ensure!(
            verified.code == Some(0),
            "{process:?} was killed\n{finished}\n{verified}"
        );
        if victim > 0 {
            // The program itself lived on, so it has brought the run to an end and says how.
            let events = events(&workdir.run())?;
            let end = terminal(&events).with_context(|| format!("{process:?} was killed\n{finished}"))?;
            assert_eq!(
                end["data"]["exit_code"].as_i64(),
                finished.code.map(i64::from),
                "{finished}"
            );
        }
    }
    Ok(())
}

#[test]
fn losing_the_bus_loses_no_history() -> Result<()> {
    let workdir = Workdir::new()?;
    let (running, processes) = under_load(&workdir)?;
    let bus = processes
        .iter()
        .find(|process| process.command.contains("nats-server"))
        .context("no nats-server")?;
    bus.signal(Signal::SIGKILL)?;
    let finished = running.wait()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let events = events(&workdir.run())?;
    assert_eq!(of_type(&events, "bus.exited").len(), 1, "{finished}");
    assert_eq!(
        of_type(&events, "bus.started").len(),
        2,
        "it was not started again\n{finished}"
    );
    assert_eq!(
        of_type(&events, "trial.completed").len(),
        1,
        "the measurement does not need the bus\n{finished}"
    );
    workdir.expect_no_process(SETTLE)
}

#[test]
fn the_program_killed_at_any_moment() -> Result<()> {
    for milliseconds in [0, 20, 40, 60, 80, 100, 150, 200, 300, 1000, 1600] {
        let workdir = Workdir::new()?;
        let running = workdir.bench(&Recipe::simulated())?.start()?;
        thread::sleep(Duration::from_millis(milliseconds));
        // It may have ended by itself meanwhile.
        let _ = running.signal(Signal::SIGKILL);
        running.wait()?;
        workdir
            .expect_no_process(SETTLE)
            .with_context(|| format!("killed after {milliseconds} ms"))?;
        if workdir.run().join("events").is_dir() {
            let verified = workdir.hpcbench()?.arg("verify").arg(workdir.run()).run()?;
            ensure!(
                verified.code == Some(0),
                "killed after {milliseconds} ms\n{verified}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_bus_whose_port_was_taken_moves() -> Result<()> {
    let workdir = Workdir::new()?;
    let (running, processes) = under_load(&workdir)?;
    let first = events(&workdir.run())?;
    let url = |event: &serde_json::Value| event["data"]["url"].as_str().unwrap_or_default().to_owned();
    let taken = url(of_type(&first, "bus.started").first().context("no bus.started")?);
    let bus = processes
        .iter()
        .find(|process| process.command.contains("nats-server") && !process.command.contains(" guard "))
        .context("no nats-server")?;
    // Held still, so that it cannot be quicker than we are.
    running.signal(Signal::SIGSTOP)?;
    bus.signal(Signal::SIGKILL)?;
    let address = taken.trim_start_matches("nats://").to_owned();
    let squatter = wait_until(SETTLE, "the port", || {
        Ok(std::net::TcpListener::bind(&address).ok())
    })?;
    running.signal(Signal::SIGCONT)?;
    let finished = running.wait()?;
    drop(squatter);
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let events = events(&workdir.run())?;
    let started = of_type(&events, "bus.started");
    assert_eq!(started.len(), 2, "{finished}");
    ensure!(
        url(started[1]) != taken,
        "it claims to be where somebody else is\n{finished}"
    );
    assert_eq!(of_type(&events, "trial.completed").len(), 1, "{finished}");
    workdir.expect_no_process(SETTLE)
}
