//! `watch` and `cancel`, as far as they need no run that goes on.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use crate::common::{Finished, World};

/// A run that is planned and has no events.
fn planned(world: &World) -> PathBuf {
    let run = world.path().join("runs/planned");
    fs::create_dir_all(&run).unwrap();
    let plan = world.run(&["plan", "good.yaml", "--format", "json"]).stdout;
    fs::write(run.join("plan.json"), plan).unwrap();
    run
}

#[test]
fn a_run_that_is_not_there_is_bad_usage() {
    let world = World::new();
    for command in ["watch", "cancel"] {
        world
            .run(&[command, "no-such-run"])
            .expect_refused(2, &["no-such-run"]);
    }
}

#[test]
fn what_is_no_pattern_number_or_format_is_bad_usage() {
    let world = World::with_recipe();
    planned(&world);
    for option in [
        ["--filter", "trial.["],
        ["--filter", ""],
        ["--from", "1.5"],
        ["--from", "first"],
        ["--format", "yaml"],
    ] {
        world
            .run(&["watch", "planned", option[0], option[1]])
            .expect_refused(2, &[option[0]]);
    }
}

#[test]
fn who_reads_no_more_ends_the_watch() {
    let world = World::with_recipe();
    planned(&world);
    let mut child = world
        .command(&["watch", "planned"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let finished = Finished::of(child.wait_with_output().unwrap());
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn a_run_that_has_not_begun_cannot_be_cancelled() {
    let world = World::with_recipe();
    let run = planned(&world);
    world
        .run(&["cancel", "planned"])
        .expect_refused(3, &["not begun"]);
    let long = "x".repeat(301);
    world
        .run(&["cancel", "planned", "--reason", &long])
        .expect_refused(2, &["--reason"]);
    assert!(!run.join("cancel").exists());
}
