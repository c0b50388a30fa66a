//! A server that is not the one that was started.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::{count, trials};
use hpcbench_tests::{Recipe, Simulator, Workdir, stand_in, wait_until};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn what_somebody_else_answers_is_no_measurement_of_the_service() -> Result<()> {
    let workdir = Workdir::new()?;
    // A service that takes no port, so that somebody else can.
    let idle = "echo \"$1\" > \"$2/port.new\" && mv \"$2/port.new\" \"$2/port\"\nexec sleep 60\n";
    let idle = stand_in(&workdir, "idle", idle)?;
    let options = format!(
        "{{command: [{}, \"{{port}}\", {}]}}",
        idle.display(),
        workdir.path().display()
    );
    let recipe = Recipe::of("custom")
        .service("model", "simulator")
        .service("options", &options);
    let recipe = recipe.service("health", "{timeout: 20s, interval: 50ms}");
    let running = workdir.bench(&recipe)?.start()?;
    let port = wait_until(SOON, "the port", || {
        Ok(fs::read_to_string(workdir.path().join("port")).ok())
    })?;
    let like_it = ["--model", "simulator", "--ttft", "5ms", "--itl", "1ms"];
    let stranger = Simulator::start_at(&workdir, port.trim().parse()?, &like_it)?;
    let finished = running.wait()?.expect_code(1)?;
    drop(stranger);
    let trials = trials(&workdir.run())?;
    let trial = trials.first().context("no trial")?;
    ensure!(count(trial, "/requests/ok")? > 0, "{trial:#}");
    let verdict = &trial["verdict"];
    let reasons = verdict["reasons"].to_string();
    ensure!(
        verdict["status"] == "invalid" && reasons.contains("another process listened before the load"),
        "{verdict:#}\n{finished}"
    );
    workdir.expect_no_process(SOON)
}
