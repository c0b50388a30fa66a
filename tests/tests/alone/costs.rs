//! What a run costs besides its load: time until it starts, and the machine's time while it runs.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hpcbench_tests::{Process, Recipe, Workdir, events, of_type, wait_until};

/// From the command to the first request.
const START_LIMIT: Duration = Duration::from_secs(2);
/// Share of one core that everything but the load and the service may use.
const IDLE_LIMIT: f64 = 0.02;
/// How long that is watched.
const WATCH: Duration = Duration::from_secs(8);

#[test]
fn the_first_request_follows_the_command_soon() -> Result<()> {
    let workdir = Workdir::new()?;
    let before = Instant::now();
    let running = workdir.bench(&Recipe::simulated())?.start()?;
    // The order to begin is 100 ms ahead of the load, and looking takes less than that.
    wait_until(Duration::from_secs(20), "the load", || {
        Ok(events(&workdir.run())
            .ok()
            .filter(|events| !of_type(events, "load.started").is_empty()))
    })?;
    let elapsed = before.elapsed() + Duration::from_millis(100);
    println!("first request after {elapsed:?}");
    let finished = running.wait()?;
    ensure!(
        elapsed < START_LIMIT,
        "first request after {elapsed:?}\n{finished}"
    );
    Ok(())
}

#[test]
fn the_control_plane_is_idle_while_a_trial_runs() -> Result<()> {
    let workdir = Workdir::new()?;
    // One client that gets a token every two seconds: what is used then is not used by the load.
    let recipe = Recipe::simulated()
        .service("options", "{ttft: 2s, itl: 2s}")
        .workload("load", "{shape: closed, concurrency: 1}")
        .workload("duration", "30s")
        .workload("timeout", "60s");
    let running = workdir.bench(&recipe)?.start()?;
    wait_until(Duration::from_secs(20), "the load", || {
        Ok(events(&workdir.run())
            .ok()
            .filter(|events| !of_type(events, "load.started").is_empty()))
    })?;
    thread::sleep(Duration::from_secs(1));
    let processes: Vec<Process> = workdir
        .processes()?
        .into_iter()
        .filter(|process| !process.is_simulator())
        .collect();
    ensure!(
        processes.len() >= 3,
        "the program, an agent and nats-server at least: {processes:#?}"
    );
    let started = Instant::now();
    let before = cpu_times(&processes)?;
    thread::sleep(WATCH);
    let after = cpu_times(&processes)?;
    let elapsed = started.elapsed().as_secs_f64();

    let mut total = 0.0;
    for (process, (after, before)) in processes.iter().zip(after.iter().zip(&before)) {
        let share = (after - before) / elapsed;
        println!("{:5.2} % of a core: {}", 100.0 * share, process.command);
        total += share;
    }
    running.interrupt()?;
    running.wait()?;
    ensure!(
        total < IDLE_LIMIT,
        "the control plane used {:.1} % of a core",
        100.0 * total
    );
    Ok(())
}

fn cpu_times(processes: &[Process]) -> Result<Vec<f64>> {
    processes
        .iter()
        .map(|process| Ok(process.cpu_time()?.as_secs_f64()))
        .collect()
}
