//! Ctrl-C and its relatives.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::sound::expect_verified;
use hpcbench_tests::{Finished, Recipe, Running, Workdir, data, events, of_type, terminal, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

const START: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_secs(5);

/// A run in the middle of the first of two long trials.
fn under_load(workdir: &Workdir) -> Result<Running> {
    let recipe = Recipe::simulated().workload("duration", "60s").levels(&[2, 4]);
    let running = workdir.bench(&recipe)?.start()?;
    wait_for(workdir, "load.started")?;
    Ok(running)
}

fn wait_for(workdir: &Workdir, kind: &str) -> Result<()> {
    wait_until(START, kind, || {
        Ok(events(&workdir.run())
            .ok()
            .filter(|events| !of_type(events, kind).is_empty())
            .map(drop))
    })
}

fn expect_cancelled(events: &[Value]) -> Result<()> {
    let end = terminal(events)?;
    assert_eq!(
        (&end["type"], &end["data"]["exit_code"]),
        (&Value::from("run.cancelled"), &Value::from(1)),
        "{end}"
    );
    assert_eq!(data(events, "cancel.requested")?["source"], "signal");
    Ok(())
}

#[test]
fn once_cancels_in_order() -> Result<()> {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let workdir = Workdir::new()?;
        let running = under_load(&workdir)?;
        if signal == Signal::SIGINT {
            running.interrupt()?;
        } else {
            running.signal(signal)?;
        }
        let finished = running.wait()?.expect_code(1)?;
        assert!(finished.elapsed < START + Duration::from_secs(15), "{finished}");
        workdir.expect_no_process(SETTLE)?;
        let events = events(&workdir.run())?;
        expect_cancelled(&events)?;
        assert_eq!(of_type(&events, "trial.interrupted").len(), 1);
        assert_eq!(
            of_type(&events, "trial.started").len(),
            1,
            "the second trial began after the cancel"
        );
        assert_eq!(
            of_type(&events, "service.exited").len(),
            1,
            "the service was not stopped in order"
        );
        assert_eq!(data(&events, "state.verified")?["equal"], true);
        expect_verified(&workdir)?;
    }
    Ok(())
}

#[test]
fn twice_cancels_at_once() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = under_load(&workdir)?;
    running.interrupt()?;
    wait_for(&workdir, "cancel.requested")?;
    let before = std::time::Instant::now();
    // It may have ended in order meanwhile: then there is nothing left to interrupt.
    let _ = running.interrupt();
    running.wait()?.expect_code(1)?;
    assert!(
        before.elapsed() < Duration::from_secs(5),
        "it took {:?}",
        before.elapsed()
    );
    workdir.expect_no_process(SETTLE)?;
    expect_cancelled(&events(&workdir.run())?)?;
    expect_verified(&workdir).map(drop)
}

#[test]
fn twice_ends_even_a_service_that_does_not_want_to() -> Result<()> {
    let workdir = Workdir::new()?;
    // It answers nothing any more, so no request ends by itself.
    let recipe = Recipe::simulated()
        .service("options", "{ttft: 10ms, itl: 2ms, hang_after: 20}")
        .workload("timeout", "60s")
        .workload("duration", "60s");
    let running = workdir.bench(&recipe)?.start()?;
    wait_for(&workdir, "load.started")?;
    running.interrupt()?;
    wait_for(&workdir, "cancel.requested")?;
    let before = std::time::Instant::now();
    let _ = running.interrupt();
    running.wait()?.expect_code(1)?;
    assert!(
        before.elapsed() < Duration::from_secs(5),
        "it took {:?}",
        before.elapsed()
    );
    workdir.expect_no_process(SETTLE)
}

#[test]
fn before_the_service_is_ready() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated()
        .service("options", "{never_ready: true}")
        .service("health", "{timeout: 60s, interval: 100ms}");
    let running = workdir.bench(&recipe)?.start()?;
    wait_for(&workdir, "service.launched")?;
    running.interrupt()?;
    let finished = running.wait()?.expect_code(1)?;
    assert!(finished.elapsed < Duration::from_secs(30), "{finished}");
    workdir.expect_no_process(SETTLE)?;
    expect_cancelled(&events(&workdir.run())?)
}

/// Interrupts a run after `pause`; says how it ended, with whatever is left checked.
fn interrupted(workdir: &Workdir, running: Running, pause: Duration) -> Result<Finished> {
    thread::sleep(pause);
    // It may have ended by itself meanwhile.
    let _ = running.interrupt();
    let finished = running.wait()?;
    let told = || format!("interrupted after {pause:?}\n{finished}");
    workdir.expect_no_process(SETTLE).with_context(told)?;
    let has_log = workdir.run().join("events").is_dir();
    let log = if has_log {
        events(&workdir.run())?
    } else {
        Vec::new()
    };
    // It may have been interrupted before there was a run.
    if !of_type(&log, "run.created").is_empty() {
        terminal(&log).with_context(told)?;
    }
    Ok(finished)
}

#[test]
fn at_any_moment() -> Result<()> {
    for milliseconds in [0, 10, 30] {
        let workdir = Workdir::new()?;
        let running = workdir.bench(&Recipe::simulated())?.start()?;
        let finished = interrupted(&workdir, running, Duration::from_millis(milliseconds))?;
        // The signal itself may end it only where there is no log yet to end in order.
        ensure!(
            finished.code.is_some() || !workdir.run().join("events").exists(),
            "interrupted after {milliseconds} ms\n{finished}"
        );
    }
    for milliseconds in [0, 20, 40, 100, 200, 1300, 1400] {
        let workdir = Workdir::new()?;
        let running = workdir.bench(&Recipe::simulated())?.start()?;
        wait_until_caught(running.pid(), Signal::SIGINT)?;
        let finished = interrupted(&workdir, running, Duration::from_millis(milliseconds))?;
        ensure!(
            finished.code.is_some(),
            "interrupted {milliseconds} ms after it could be told\n{finished}"
        );
    }
    Ok(())
}

/// Waits for a process to catch the signal.
fn wait_until_caught(process: i32, signal: Signal) -> Result<()> {
    let status = format!("/proc/{process}/status");
    wait_until(START, &format!("somebody who heeds {signal}"), || {
        let text = std::fs::read_to_string(&status)?;
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.context("no SigCgt")?.trim(), 16)?;
        Ok((caught & (1 << (signal as u32 - 1)) != 0).then_some(()))
    })
}

#[test]
fn an_agent_that_waits_for_its_greeting_ends_when_it_is_told() -> Result<()> {
    let workdir = Workdir::new()?;
    let agent = ["agent", "--run-dir", ".", "--node", "client", "--role", "client"];
    let waiting = workdir
        .hpcbench()?
        .args(agent)
        .args(["--greeting", "nowhere.json"])
        .start()?;
    wait_until_caught(waiting.pid(), Signal::SIGTERM)?;
    waiting.signal(Signal::SIGTERM)?;
    let ended = waiting.wait()?;
    ensure!(
        ended.code.is_some_and(|code| code != 0) && ended.stderr.contains("ended by SIGTERM"),
        "{ended}"
    );
    ensure!(ended.elapsed < SETTLE, "{ended}");
    Ok(())
}
