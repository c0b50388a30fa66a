//! `why`: the chain of causes.

use crate::common::World;
use crate::history::{RUN, planned, resumed};

#[test]
fn an_event_is_shown_with_what_led_to_it() {
    let world = World::with_recipe();
    resumed(&world);
    let finished = world.run(&["why", RUN, "9"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(lines[0], "first cause: a request from outside, by signal");
    let ends: Vec<bool> = ["cancelled by signal: SIGINT", "run cancelled: SIGINT"]
        .iter()
        .zip(&lines[lines.len() - 2..])
        .map(|(words, line)| line.ends_with(words))
        .collect();
    assert_eq!(ends, [true, true], "{finished:?}");
}

#[test]
fn json_has_the_events_as_logged() {
    let world = World::with_recipe();
    resumed(&world);
    let events = world.run(&["why", RUN, "4", "--format", "json"]).json();
    let seqs: Vec<u64> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, [2, 3, 4]);
    assert_eq!(events[2]["type"], "bus.requested");
    assert!(events[2]["sum"].is_string());
}

#[test]
fn an_event_that_is_not_there_is_told_with_those_that_are() {
    let world = World::with_recipe();
    resumed(&world);
    for seq in ["0", "10", "18446744073709551615"] {
        world.run(&["why", RUN, seq]).expect_refused(2, &["1 to 9"]);
        world
            .run(&["why", RUN, seq, "--format", "json"])
            .expect_refused(2, &["1 to 9"]);
    }
    for seq in ["-1", "x", ""] {
        world.run(&["why", RUN, seq]).expect_refused(2, &[]);
    }
    let empty = World::with_recipe();
    planned(&empty);
    empty
        .run(&["why", RUN, "1"])
        .expect_refused(2, &["its log is empty"]);
}
