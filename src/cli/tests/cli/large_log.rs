//! Logs larger than a run's: what it takes to read one does not grow with it.

#[path = "../../../report/benches/replay/log.rs"]
mod log;

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hpcbench_recipes::Plan;
use hpcbench_tests::peak_memory;
use serde_json::Value;

use crate::common::World;

/// Numbers of events.
const SMALL: u64 = 25_000;
const LARGE: u64 = 100_000;
/// How much more the larger log may take, bytes: 40 for each further event, which has some 300 in the log.
const SLACK: u64 = 3_000_000;
/// How often a command is looked at. What it has taken at most the kernel knows; only a last leap could be missed.
const LOOK: Duration = Duration::from_millis(2);

/// What reads a whole log.
const COMMANDS: [&[&str]; 2] = [&["verify", "--format", "json"], &["replay", "--format", "state"]];

/// Runs a command on a run, and returns the most memory that it took, bytes, and what it printed.
fn peak(world: &World, command: &[&str], run: &Path) -> (u64, Value) {
    let printed = world.path().join("printed.json");
    let mut child = world
        .command(command)
        .arg(run)
        .stdout(File::create(&printed).unwrap())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut most = 0;
    let status = loop {
        // It may have ended meanwhile.
        most = peak_memory(child.id()).unwrap_or(0).max(most);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    assert!(status.success(), "{command:?}: {status}");
    (
        most,
        serde_json::from_str(&fs::read_to_string(printed).unwrap()).unwrap(),
    )
}

#[test]
fn memory_does_not_grow_with_the_log() {
    let world = World::with_recipe();
    let plan = world.run(&["plan", "good.yaml", "--format", "json"]).stdout;
    let plan: Plan = serde_json::from_str(&plan).unwrap();
    let [small, large] = [SMALL, LARGE].map(|events| {
        let run = world.path().join(format!("run-{events}"));
        fs::create_dir(&run).unwrap();
        // Without files beside it: of each `verify` has to keep the digest.
        log::write(&run, &plan, events, false);
        COMMANDS.map(|command| {
            let (most, printed) = peak(&world, command, &run);
            let seen = [&printed["events"], &printed["seq"]];
            let seen = seen.into_iter().find_map(Value::as_u64).unwrap();
            assert!(seen >= events, "{command:?} saw {seen} events");
            let anomalies = printed["anomaly_count"].as_u64().unwrap_or(0);
            assert_eq!(anomalies, 0, "{command:?}");
            most
        })
    });
    for ((command, small), large) in COMMANDS.iter().zip(small).zip(large) {
        println!("{command:?}: {small} bytes of memory for {SMALL} events, {large} for {LARGE}");
        assert!(
            small > 0 && large < small + SLACK,
            "{command:?}: {small}, then {large}"
        );
    }
}
