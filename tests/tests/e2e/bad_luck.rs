//! Services that fail. The run says why and goes on where that makes sense.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::{count, trials};
use hpcbench_tests::{
    Process, Recipe, Simulator, Workdir, data, events, free_port, of_type, terminal, wait_until,
};
use nix::sys::signal::Signal;
use serde_json::Value;

const SETTLE: Duration = Duration::from_secs(5);

/// Runs the recipe, which ends with exit code 1 and leaves no process, and returns its events.
fn fails(workdir: &Workdir, recipe: &Recipe) -> Result<Vec<Value>> {
    let finished = workdir.bench(recipe)?.run()?.expect_code(1)?;
    workdir.expect_no_process(SETTLE)?;
    let events = events(&workdir.run())?;
    assert_eq!(terminal(&events)?["data"]["exit_code"], 1, "{finished}");
    assert_eq!(data(&events, "state.verified")?["equal"], true, "{finished}");
    Ok(events)
}

fn is_not_empty(list: &Value) -> bool {
    list.as_array().is_some_and(|list| !list.is_empty())
}

#[test]
fn a_service_that_never_becomes_healthy_fails_the_trials() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated()
        .service("options", "{never_ready: true}")
        .service("health", "{timeout: 2s, interval: 100ms}")
        .levels(&[1, 2]);
    let events = fails(&workdir, &recipe)?;
    let failed = data(&events, "service.failed")?;
    ensure!(
        failed["reason"].as_str().is_some_and(|reason| !reason.is_empty()),
        "{failed}"
    );
    ensure!(is_not_empty(&failed["log_tail"]), "no last log lines: {failed}");
    assert_eq!(of_type(&events, "trial.failed").len(), 2);
    for trial in trials(&workdir.run())? {
        assert_eq!(trial["verdict"]["status"], "invalid", "{trial}");
        ensure!(
            trial["metrics"]["ttft"]["p50"].is_null(),
            "a number where nothing was measured: {trial}"
        );
    }
    Ok(())
}

#[test]
fn a_service_that_ends_before_it_is_ready_fails_without_more_waiting() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated()
        .service("options", "{start_delay: 1h}")
        .service("health", "{timeout: 1h, interval: 100ms}");
    let running = workdir.bench(&recipe)?.start()?;
    let service = wait_until(Duration::from_secs(20), "the service", || {
        Ok(workdir.processes()?.into_iter().find(Process::is_simulator))
    })?;
    service.signal(Signal::SIGKILL)?;
    let finished = running.wait()?.expect_code(1)?;
    ensure!(finished.elapsed < Duration::from_secs(30), "{finished}");
    workdir.expect_no_process(SETTLE)?;
    let events = events(&workdir.run())?;
    let failed = data(&events, "trial.failed")?;
    ensure!(
        failed["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("SIGKILL")),
        "{failed}"
    );
    Ok(())
}

#[test]
fn a_service_that_dies_fails_the_trial_and_the_next_one_gets_a_new_service() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated()
        .service(
            "options",
            "{ttft: 10ms, itl: 2ms, die_after: 30, die_exit_code: 9}",
        )
        .service("restart", "{max: 3, backoff: 100ms}")
        .workload("requests", "20")
        .levels(&[1, 2, 4]);
    let text = recipe.text().replace("  duration: 1s\n", "");
    let file = workdir.write("recipe.yaml", &text)?;
    let finished = workdir
        .hpcbench()?
        .arg("run")
        .arg(file)
        .arg("--run-dir")
        .arg(workdir.run())
        .run()?
        .expect_code(1)?;
    workdir.expect_no_process(SETTLE)?;
    let events = events(&workdir.run())?;
    let exited = data(&events, "service.exited")?;
    ensure!(
        exited["how"].as_str().is_some_and(|how| how.contains('9')) && exited["expected"] == false,
        "{exited}"
    );
    ensure!(is_not_empty(&exited["log_tail"]), "no last log lines: {exited}");
    let failed = of_type(&events, "trial.failed");
    ensure!(
        !failed.is_empty(),
        "the trial with the dead service did not fail\n{finished}"
    );
    ensure!(is_not_empty(&failed[0]["data"]["log_tail"]), "{failed:?}");
    ensure!(
        failed[0]["data"]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("exit")),
        "{failed:?}"
    );
    // Its successor serves the rest.
    ensure!(of_type(&events, "service.ready").len() >= 2, "{finished}");
    ensure!(!of_type(&events, "trial.completed").is_empty(), "{finished}");
    assert_eq!(trials(&workdir.run())?.len(), 3);
    Ok(())
}

#[test]
fn a_service_that_answers_500_is_never_a_success() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated()
        .service(
            "options",
            r#"{ttft: 10ms, itl: 2ms, faults: [{share: 1.0, fault: "status=500"}]}"#,
        )
        .levels(&[1, 2]);
    fails(&workdir, &recipe)?;
    let trials = trials(&workdir.run())?;
    assert_eq!(trials.len(), 2, "the other trial went on");
    for trial in trials {
        assert_eq!(trial["verdict"]["status"], "invalid", "{trial}");
        ensure!(is_not_empty(&trial["verdict"]["reasons"]), "{trial}");
        assert_eq!(count(&trial, "/requests/ok")?, 0, "{trial}");
        ensure!(count(&trial, "/requests/error")? > 0, "{trial}");
        ensure!(
            trial["errors"]
                .as_object()
                .is_some_and(|errors| !errors.is_empty()),
            "no kind of error: {trial}"
        );
    }
    Ok(())
}

#[test]
fn a_service_that_hangs_ends_in_time_outs() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated()
        .service("options", "{ttft: 10ms, itl: 2ms, hang_after: 20}")
        .workload("duration", "2s")
        .workload("timeout", "1s");
    fails(&workdir, &recipe)?;
    let trial = trials(&workdir.run())?.remove(0);
    assert_eq!(trial["verdict"]["status"], "invalid", "{trial}");
    Ok(())
}

#[test]
fn a_service_that_does_not_answer_between_trials_is_started_again() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated()
        .service("restart", "{max: 1, backoff: 10ms}")
        .workload("timeout", "500ms")
        .levels(&[1, 2, 4]);
    let running = workdir.bench(&recipe)?.start()?;
    wait_until(Duration::from_secs(20), "the first load", || {
        let events = events(&workdir.run()).unwrap_or_default();
        Ok((!of_type(&events, "load.started").is_empty()).then_some(()))
    })?;
    let processes = workdir.processes()?;
    let service = processes
        .iter()
        .find(|process| process.is_simulator())
        .context("no service")?;
    // It keeps its port, and takes connections.
    service.signal(Signal::SIGSTOP)?;
    let finished = running.wait()?.expect_code(1)?;
    workdir.expect_no_process(SETTLE)?;
    let events = events(&workdir.run())?;
    let failed = data(&events, "service.failed")?;
    ensure!(
        failed["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("does not answer any more")),
        "{failed}"
    );
    assert_eq!(of_type(&events, "service.ready").len(), 2, "{finished}");
    // The last trial has a service that answers.
    let last = trials(&workdir.run())?.pop().context("no trial")?;
    ensure!(
        count(&last, "/requests/ok")? > 0 && count(&last, "/requests/error")? == 0,
        "{last}"
    );
    Ok(())
}

#[test]
fn a_trial_without_a_token_is_not_valid() -> Result<()> {
    for fault in ["role-only", "empty"] {
        let workdir = Workdir::new()?;
        let faults = format!("{{ttft: 5ms, itl: 1ms, faults: [{{share: 1.0, fault: {fault}}}]}}");
        fails(&workdir, &Recipe::simulated().service("options", &faults))?;
        let trial = trials(&workdir.run())?.remove(0);
        assert_eq!(trial["verdict"]["status"], "invalid", "{fault}: {trial}");
        assert_eq!(count(&trial, "/requests/ok")?, 0, "{fault}: {trial}");
    }
    Ok(())
}

#[test]
fn failures_beyond_the_tolerance_are_not_valid() -> Result<()> {
    let workdir = Workdir::new()?;
    let options = r#"{ttft: 5ms, itl: 1ms, faults: [{share: 0.3, fault: "cut-after=2"}]}"#;
    fails(
        &workdir,
        &Recipe::simulated()
            .service("options", options)
            .workload("tolerance", "{failed: 0.05}"),
    )?;
    let trial = trials(&workdir.run())?.remove(0);
    assert_eq!(trial["verdict"]["status"], "invalid", "{trial}");
    ensure!(
        count(&trial, "/requests/ok")? > 0 && count(&trial, "/requests/error")? > 0,
        "{trial}"
    );
    Ok(())
}

#[test]
fn an_endpoint_where_nobody_listens_is_named() -> Result<()> {
    let workdir = Workdir::new()?;
    let port = free_port()?;
    let recipe = Recipe::external(&format!("http://127.0.0.1:{port}/v1"), "simulated")
        .service("health", "{timeout: 1s, interval: 100ms}");
    let finished = workdir.bench(&recipe)?.run()?.expect_code(1)?;
    ensure!(
        (finished.stdout.clone() + &finished.stderr).contains(&port.to_string()),
        "{finished}"
    );
    workdir.expect_no_process(SETTLE)
}

#[test]
fn a_service_that_already_runs_is_left_running() -> Result<()> {
    let workdir = Workdir::new()?;
    let simulator = Simulator::start(&workdir, &["--ttft", "10ms", "--itl", "2ms"])?;
    let url = format!("http://{}/v1", simulator.address());
    let finished = workdir.bench(&Recipe::external(&url, "simulated"))?.run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let trial = trials(&workdir.run())?.remove(0);
    let ok = count(&trial, "/requests/ok")?;
    ensure!(ok > 0 && count(&trial, "/requests/error")? == 0, "{trial}");
    let truth = simulator.truth().context("it was ended, too")?;
    ensure!(truth.to_string().len() > 2, "{truth}");
    workdir.expect_no_process(SETTLE)
}

#[test]
fn a_service_that_failed_is_gone_before_it_starts_again() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated()
        .service("options", "{never_ready: true}")
        .service("health", "{timeout: 1s, interval: 100ms}")
        .service("restart", "{max: 1, backoff: 1ms}");
    let mut running = workdir.bench(&recipe)?.start()?;
    let services = || -> Result<Vec<Process>> {
        let all = workdir.processes()?;
        Ok(all.into_iter().filter(Process::is_simulator).collect())
    };
    let stopped = wait_until(SETTLE, "the service", || Ok(services()?.into_iter().next()))?;
    // It does not hear that it is to end, so that the guard has to be patient with it.
    stopped.signal(Signal::SIGSTOP)?;
    while !running.has_ended()? {
        let living = services()?;
        ensure!(living.len() <= 1, "two at once: {living:#?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    running.wait()?.expect_code(1)?;
    assert_eq!(of_type(&events(&workdir.run())?, "service.failed").len(), 2);
    workdir.expect_no_process(SETTLE)
}
