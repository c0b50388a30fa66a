//! Runs that somebody wants to end.

use hpcbench_core::event::Body;
use hpcbench_core::{Command, Phase};

use crate::world::given::{cancel, outline, wide_outline};
use crate::world::{Fault, Happening, Point, World};

/// A run that is cancelled right after the first event of a type.
fn cancelled_after(kind: &'static str, at_once: bool) -> World {
    let mut world = World::new(outline(&[2]));
    world.when(
        move |event| event.body.kind() == kind,
        Happening::Command(Command::Cancel(cancel(at_once)), None),
    );
    world.run()
}

const MOMENTS: [&str; 20] = [
    "run.created",
    "bus.requested",
    "bus.started",
    "agent.requested",
    "node.joined",
    "service.requested",
    "service.launched",
    "service.ready",
    "collection.requested",
    "collection.started",
    "client.requested",
    "client.connected",
    "trial.started",
    "trial.prepared",
    "load.started",
    "share.reported",
    "trial.completed",
    "service.stop_requested",
    "collection.stopped",
    "node.left",
];

#[test]
fn a_run_can_be_cancelled_at_any_moment() {
    for kind in MOMENTS {
        let world = cancelled_after(kind, false);
        let told = world.story();
        assert_eq!(world.finished, Some(1), "{kind}:\n{told}");
        assert!(
            told.ends_with("run.cancelled exit code 1: interrupted by the user"),
            "{kind}:\n{told}"
        );
        assert!(told.contains("phase.entered teardown"), "{kind}:\n{told}");
        let count = |kind: &str| {
            world
                .events
                .iter()
                .filter(|event| event.body.kind() == kind)
                .count()
        };
        assert_eq!(
            count("service.requested"),
            count("service.exited"),
            "{kind}:\n{told}"
        );
    }
}

#[test]
fn a_cancelled_load_is_stopped_and_everything_ends_in_order() {
    insta::assert_snapshot!(cancelled_after("load.started", false).story());
}

#[test]
fn a_run_cancelled_before_its_agents_have_joined_ends() {
    insta::assert_snapshot!(cancelled_after("agent.requested", false).story());
}

#[test]
fn readiness_that_crosses_the_order_to_stop_changes_nothing() {
    let mut world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::StopService(_) => Fault::Late(2_000),
        _ => Fault::None,
    });
    world.when(
        |event| event.body.kind() == "service.launched",
        Happening::Command(Command::Cancel(cancel(false)), None),
    );
    insta::assert_snapshot!(world.run().told(&["service.", "run."]));
}

#[test]
fn a_collector_that_begins_after_it_was_told_to_finish_is_not_told_twice() {
    let mut world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Collect(_) => Fault::Late(500),
        Point::Finish(_) => Fault::Late(2_000),
        _ => Fault::None,
    });
    world.when(
        |event| event.body.kind() == "collection.requested",
        Happening::Command(Command::Cancel(cancel(false)), None),
    );
    insta::assert_snapshot!(world.run().told(&["collection.", "node.l", "run."]));
}

#[test]
fn a_run_can_be_cancelled_at_once_at_any_moment() {
    for kind in MOMENTS {
        let world = cancelled_after(kind, true);
        let told = world.story();
        assert_eq!(world.finished, Some(1), "{kind}:\n{told}");
        let after = told.split("cancel.requested at once\n").nth(1).unwrap();
        assert!(after.lines().count() <= 2, "{kind}:\n{told}");
        assert!(
            after.ends_with("run.cancelled exit code 1: interrupted by the user"),
            "{kind}:\n{told}"
        );
    }
}

#[test]
fn nothing_follows_a_cancel_at_once_even_if_something_is_overdue() {
    let mut world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Agent(..) => Fault::Silent,
        _ => Fault::None,
    });
    world.begin();
    for _ in 0..5 {
        world.step();
    }
    // No tick has noticed yet that the agents are late.
    world.sleep(31_000);
    world.submit(Command::Cancel(cancel(true)), None);
    assert_eq!(world.finished, Some(1));
    assert!(
        world
            .story()
            .ends_with("run.cancelled exit code 1: interrupted by the user")
    );
}

#[test]
fn a_second_cancel_ends_at_once() {
    let mut world = World::new(wide_outline(&[1]));
    for (kind, at_once) in [("load.started", false), ("trial.stop_requested", true)] {
        world.when(
            move |event| event.body.kind() == kind,
            Happening::Command(Command::Cancel(cancel(at_once)), None),
        );
    }
    insta::assert_snapshot!(world.run().told(&["cancel.", "trial.", "run."]));
}

#[test]
fn a_clients_silence_does_not_keep_a_cancelled_run_alive() {
    let mut world = World::new(wide_outline(&[1])).with_luck(|point| match point {
        Point::Load(node, ..) | Point::StopAttempt(node, ..) if node.as_str() == "client-a" => Fault::Silent,
        _ => Fault::None,
    });
    world.when(
        |event| event.body.kind() == "load.started",
        Happening::Command(Command::Cancel(cancel(false)), None),
    );
    insta::assert_snapshot!(
        world
            .run()
            .told(&["cancel.", "node.l", "share.", "trial.", "run."])
    );
}

#[test]
fn a_run_that_fails_already_cannot_be_cancelled_in_order() {
    let mut world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Bus(_) => Fault::Fails,
        _ => Fault::None,
    });
    world.when(
        |event| matches!(&event.body, Body::PhaseEntered(entered) if entered.phase == Phase::Teardown),
        Happening::Command(Command::Cancel(cancel(false)), None),
    );
    let world = world.run();
    assert_eq!(world.finished, Some(3));
    assert_eq!(world.rejections.len(), 1);
}
