//! `watch` and `cancel`, as far as they need no run that goes on.

use std::fs;
use std::path::PathBuf;

use crate::common::World;

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
