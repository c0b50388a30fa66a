//! Another orchestrator takes a run over: the former one does nothing more.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use hpcbench_tests::{Recipe, Workdir, events, of_type, terminal, wait_until};
use serde_json::Value;

const START: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_secs(15);

#[test]
fn a_successor_s_claim_ends_the_orchestrator() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = workdir
        .bench(&Recipe::simulated().workload("duration", "3s"))?
        .start()?;
    let run = workdir.run();
    wait_until(START, "the load", || {
        Ok(events(&run)
            .ok()
            .filter(|events| !of_type(events, "load.started").is_empty()))
    })?;
    let rendezvous = run.join("bus.json");
    let mut successor: Value = serde_json::from_slice(&fs::read(&rendezvous)?)?;
    successor["epoch"] = 2.into();
    fs::write(&rendezvous, successor.to_string())?;
    fs::File::create_new(run.join("events/000002.jsonl"))?;
    // The first sync after the claim is the one that ends the trial.
    let finished = running.wait()?.expect_code(1)?;
    ensure!(
        finished.stderr.contains("epoch 2 has taken this run over"),
        "{finished}"
    );
    let events = events(&run)?;
    ensure!(
        terminal(&events).is_err(),
        "it has ended a run that is not its own any more"
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&fs::read(&rendezvous)?)?["epoch"],
        2,
        "the successor's bus.json is gone"
    );
    workdir.expect_no_process(SETTLE)?;
    workdir
        .hpcbench()?
        .arg("verify")
        .arg(&run)
        .run()?
        .expect_code(0)?;
    Ok(())
}
