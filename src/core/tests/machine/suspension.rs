//! Runs that stand still for a while.

use hpcbench_core::event::{Body, Event, NodeSuspended};
use hpcbench_core::message::ReportBody;
use hpcbench_core::{Command, State, decide, evolve};

use crate::world::given::{node, outline};
use crate::world::{Happening, World};

/// Longer than any limit of a run.
const SECONDS: f64 = 100_000.0;

/// The state right after the first event of this type of a run in which everything works.
fn state_after(kind: &str) -> (State, Event) {
    let world = World::new(outline(&[1])).run();
    let mut state = State::new(outline(&[1]).into());
    for event in &world.events {
        state = evolve(state, event);
        if event.body.kind() == kind {
            return (state, event.clone());
        }
    }
    panic!("no {kind}");
}

#[test]
fn an_agent_that_stood_still_spoils_the_attempt_and_nothing_else() {
    let mut world = World::new(outline(&[1]));
    let suspended = NodeSuspended {
        node: node("client"),
        seconds: 4.5,
    };
    let say = Happening::Say {
        node: node("client"),
        boot: "client-1-1".to_owned(),
        cause: None,
        body: ReportBody::Suspended(suspended),
    };
    world.when(
        |event| matches!(&event.body, Body::LoadStarted(load) if load.attempt.0 == 1),
        say,
    );
    let world = world.run();
    assert_eq!(world.finished, Some(0), "{}", world.story());
    let told = world.told(&["node.", "trial."]);
    assert!(
        told.contains("suspended: node client stood still for 4.5 s") && !told.contains("node.lost"),
        "{told}"
    );
    let of = |kind: &str| {
        world
            .events
            .iter()
            .filter(|event| event.body.kind() == kind)
            .count()
    };
    assert_eq!((of("trial.interrupted"), of("trial.completed")), (1, 1), "{told}");
}

#[test]
fn what_was_due_while_the_orchestrator_stood_still_is_not_overdue() {
    for kind in [
        "bus.requested",
        "agent.requested",
        "service.requested",
        "client.requested",
        "trial.started",
        "load.started",
    ] {
        let (state, event) = state_after(kind);
        let later = event.at.plus_seconds(SECONDS);
        let kinds = |command: Command| -> Vec<String> {
            let decided = decide(&state, command, later).unwrap();
            decided
                .iter()
                .map(|decided| decided.body.kind().to_owned())
                .collect()
        };
        let overdue = kinds(Command::Tick);
        let excused = kinds(Command::StoodStill { seconds: SECONDS });
        assert_eq!(
            excused.first().map(String::as_str),
            Some("run.suspended"),
            "after {kind}"
        );
        // The run goes on with what it was about to do.
        let is_next = |kind: &String| kind.ends_with(".requested") && !kind.ends_with("stop_requested");
        assert!(excused.iter().skip(1).all(is_next), "after {kind}: {excused:?}");
        assert!(
            !overdue.iter().all(is_next),
            "nothing is overdue after {kind}: {overdue:?}"
        );
    }
}
