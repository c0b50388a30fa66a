//! Runs that lose agents, the bus or their orchestrator.

use hpcbench_core::event::{
    Body, BusExited, BusRequested, BusStarted, CollectionStopped, Event, FileSystemProbed,
};
use hpcbench_core::message::ReportBody;
use hpcbench_core::{Attempt, Command, State, Timestamp, decide, evolve, limits};
use hpcbench_stats::VerdictStatus;

use crate::world::given::{cancel, node, outline, run_resumed, summary, trial};
use crate::world::{Fault, Happening, Point, World};

const OF_NODES_AND_TRIALS: [&str; 5] = ["agent.", "node.", "service.", "trial.", "run."];

#[test]
fn a_client_that_is_lost_interrupts_the_trial_which_is_attempted_again() {
    let world = World::new(outline(&[2])).with_luck(|point| match point {
        Point::Load(_, id, Attempt(1)) if *id == trial(1) => Fault::EndsAfter(3_000),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&OF_NODES_AND_TRIALS));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn a_server_that_is_lost_interrupts_the_trial_and_costs_the_service_no_restart() {
    let mut plan = outline(&[1]);
    plan.services[0].restarts = 0;
    let world = World::new(plan).with_luck(|point| match point {
        // Ends while the first load is on.
        Point::Agent(node, 1) if node.as_str() == "server" => Fault::EndsAfter(5_000),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&OF_NODES_AND_TRIALS));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn a_client_that_falls_silent_is_lost() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Load(.., Attempt(1)) => Fault::Freezes,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["node.", "trial.", "run."]));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn a_client_that_is_lost_too_often_ends_the_run() {
    let world = World::new(outline(&[2])).with_luck(|point| match point {
        Point::Load(..) => Fault::EndsAfter(3_000),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["agent.requested", "node.lost", "node.left", "trial.", "run."]));
    assert_eq!(world.finished, Some(1));
}

#[test]
fn an_agent_that_was_cut_off_knows_that_the_run_goes_on() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Load(.., Attempt(1)) => Fault::Freezes,
        _ => Fault::None,
    });
    let world = world.run();
    let mut state = State::new(outline(&[1]).into());
    let mut seen = Vec::new();
    for event in &world.events {
        state = evolve(state, event);
        let goes_on = state.goes_on_without(&node("client"), "client-1-1");
        if matches!(event.body.kind(), "load.started" | "node.lost" | "run.completed") {
            seen.push((event.body.kind().to_owned(), goes_on));
        }
    }
    let seen: Vec<(&str, bool)> = seen
        .iter()
        .map(|(kind, goes_on)| (kind.as_str(), *goes_on))
        .collect();
    // As long as it is known, its silence may as well be the orchestrator's end. At the run's end nobody is left.
    assert_eq!(
        seen,
        [
            ("load.started", false),
            ("node.lost", true),
            ("load.started", true),
            ("run.completed", false)
        ]
    );
}

#[test]
fn an_agent_that_cannot_be_started_ends_the_run() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Agent(node, _) if node.as_str() == "server" => Fault::Fails,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.story());
    assert_eq!(world.finished, Some(3));
}

#[test]
fn whatever_ends_a_nodes_agents_is_given_time_to_find_none() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Agent(node, 1 | 2) if node.as_str() == "server" => Fault::EndsAfter(500),
        _ => Fault::None,
    });
    let world = world.run();
    assert_eq!(world.finished, Some(0), "{}", world.story());
    let times = |kind: &str| -> Vec<Timestamp> {
        let of_server = |event: &&Event| match &event.body {
            Body::NodeLost(lost) => lost.node.as_str() == "server",
            Body::AgentRequested(requested) => requested.node.as_str() == "server",
            _ => false,
        };
        let events = world.events.iter().filter(of_server);
        let events = events.filter(|event| event.body.kind() == kind);
        events.map(|event| event.at).collect()
    };
    let (lost, requested) = (times("node.lost"), times("agent.requested"));
    assert_eq!((lost.len(), requested.len()), (2, 3), "{}", world.story());
    let pauses = [0, 1].map(|index: usize| requested[index + 1].seconds_since(lost[index]));
    assert!(
        pauses[0] < 1.0 && pauses[1] >= limits::AGENT_PAUSE_SECONDS,
        "{pauses:?}"
    );
}

#[test]
fn an_agent_lost_after_the_last_trial_does_not_spoil_the_run() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Finish(_) => Fault::Silent,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["trial.", "node.l", "run."]));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn a_bus_that_cannot_be_started_ends_the_run() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Bus(_) => Fault::Fails,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.story());
    assert_eq!(world.finished, Some(3));
}

#[test]
fn a_bus_that_never_answers_ends_the_run() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Bus(_) => Fault::Silent,
        _ => Fault::None,
    });
    let world = world.run();
    assert_eq!(world.finished, Some(3));
}

#[test]
fn a_bus_that_ends_in_the_middle_of_a_trial_is_started_again() {
    let world = World::new(outline(&[2])).with_luck(|point| match point {
        Point::Bus(1) => Fault::EndsAfter(5_000),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["bus.", "node.lost", "trial.", "share.", "run."]));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn a_bus_that_ends_before_the_agents_are_told_to_end_is_started_again() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        // In the middle of the last seconds: the service is being stopped.
        Point::Bus(1) => Fault::EndsAfter(10_820),
        Point::StopService(_) => Fault::Late(1_000),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["bus.", "phase.", "service.", "node.l", "run."]));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn a_bus_that_cannot_be_kept_interrupts_the_trial_and_ends_the_run() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Bus(_) => Fault::EndsAfter(3_000),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["bus.", "node.lost", "trial.", "run."]));
    assert_eq!(world.finished, Some(1));
}

#[test]
fn a_new_epoch_attempts_the_interrupted_trial_again_and_keeps_the_others() {
    let mut world = World::new(outline(&[3]));
    world.begin();
    while world.events.last().is_none_or(|event| {
        event.body.kind() != "load.started" || event.correlation != format!("trial/{}/1", trial(2))
    }) {
        world.step();
    }
    world.resume_in_new_epoch();
    world.finish();
    insta::assert_snapshot!(world.told(&["epoch.", "run.", "service.requested", "trial."]));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn a_trial_that_every_epoch_interrupts_is_attempted_as_often_as_somebody_resumes_the_run() {
    let mut world = World::new(outline(&[2]));
    world.begin();
    for attempt in 1..=4 {
        while world
            .state
            .active()
            .is_none_or(|(_, running)| running.attempt != Attempt(attempt))
        {
            world.step();
        }
        world.resume_in_new_epoch();
    }
    world.finish();
    insta::assert_snapshot!(world.told(&["epoch.", "run.", "trial."]));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn a_run_that_has_ended_repeats_what_failed_if_it_is_asked_to() {
    let mut world = World::new(outline(&[3]));
    let mut results = [
        Ok(summary(VerdictStatus::Valid, 100)),
        Err("no aggregate".to_owned()),
    ]
    .into_iter();
    world.results = Box::new(move |_, _| {
        results
            .next()
            .unwrap_or_else(|| Ok(summary(VerdictStatus::Valid, 100)))
    });
    world.begin();
    world.finish();
    assert_eq!(world.finished, Some(1));
    world.retry_in_new_epoch();
    world.finish();
    insta::assert_snapshot!(world.told(&["epoch.", "run.", "trial."]));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn a_cancelled_run_goes_on_if_it_is_asked_to() {
    let mut world = World::new(outline(&[2]));
    world.begin();
    while world.state.active().is_none() {
        world.step();
    }
    world.submit(Command::Cancel(cancel(false)), None);
    world.finish();
    assert_eq!(world.finished, Some(1));
    let resumed = Command::Resume(run_resumed());
    let refused = decide(&world.state, resumed, world.time()).unwrap_err();
    assert_eq!(refused.reason, "the run has ended");
    world.retry_in_new_epoch();
    world.finish();
    assert_eq!(world.finished, Some(0));
}

#[test]
fn reports_of_a_former_epoch_count_for_nothing() {
    let mut world = World::new(outline(&[1]));
    world.begin();
    // The agents have said that they are there, and nobody has heard it.
    while world
        .events
        .last()
        .is_none_or(|event| event.body.kind() != "agent.requested")
    {
        world.step();
    }
    // It arrives when the next epoch expects its own agents.
    world.let_agents_speak(20);
    world.resume_in_new_epoch();
    world.finish();
    assert_eq!(world.finished, Some(0));
    let boots: Vec<&String> = world.state.reports.keys().collect();
    assert_eq!(boots, ["client-2-1", "orchestrator-2-1", "server-2-1"]);
    assert_eq!(
        world
            .rejections
            .iter()
            .filter(|r| r.reason.contains("epoch 1"))
            .count(),
        6
    );
}

#[test]
fn an_agent_that_leaves_before_the_end_is_lost() {
    let mut world = World::new(outline(&[1]));
    let client = node("client");
    let stopped = CollectionStopped {
        node: client.clone(),
        lines: 1,
        dropped_bytes: 0,
    };
    world.when(
        |event| event.body.kind() == "load.started",
        Happening::Say {
            node: client,
            boot: "client-1-1".to_owned(),
            cause: None,
            body: ReportBody::CollectionStopped {
                stopped,
                files: Vec::new(),
            },
        },
    );
    let world = world.run();
    insta::assert_snapshot!(world.told(&["agent.", "node.l", "trial.", "run."]));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn an_agent_lost_for_the_last_time_after_the_last_trial_does_not_spoil_the_run() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Load(.., attempt) if *attempt < Attempt(3) => Fault::EndsAfter(3_000),
        Point::Finish(node) if node.as_str() == "client" => Fault::Silent,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["agent.requested", "node.l", "trial.completed", "run."]));
    assert_eq!(world.finished, Some(0));
}

/// The state after the bus was lost this many times, each time after it had been up for so long.
fn bus_lost(times: u32, seconds_up: f64) -> State {
    let mut world = World::new(outline(&[1]));
    world.begin();
    let mut state = world.state.clone();
    let mut now = world.time();
    let mut tell = |body: Body, seconds: f64| {
        now = Timestamp::from_micros(now.as_micros() + (seconds * 1e6) as i64);
        let event = Event {
            seq: state.seq.next(),
            at: now,
            actor: "orchestrator".to_owned(),
            node: None,
            correlation: "run".to_owned(),
            causation: None,
            report: None,
            body,
        };
        state = evolve(state.clone(), &event);
    };
    for launch in 1..=times {
        tell(BusRequested { launch }.into(), 0.0);
        let started = BusStarted {
            url: "nats://127.0.0.1:4222".to_owned(),
            pid: 1,
            version: "2.11.0".to_owned(),
        };
        tell(started.into(), 1.0);
        let reason = "signal 9".to_owned();
        tell(BusExited { reason }.into(), seconds_up);
    }
    state
}

#[test]
fn a_bus_that_is_lost_now_and_then_does_not_end_a_long_run() {
    assert!(bus_lost(3, 599.0).failure().is_some());
    assert!(bus_lost(2, 599.0).failure().is_none());
    assert!(bus_lost(20, 600.0).failure().is_none());
}

#[test]
fn a_service_whose_node_is_lost_once_all_shares_are_in_spoils_nothing() {
    for fault in [Fault::Freezes, Fault::EndsAfter(0)] {
        let world = World::new(outline(&[1])).with_luck(move |point| match point {
            Point::Observe(..) => fault,
            _ => Fault::None,
        });
        let world = world.run();
        let told = world.told(&["share.", "node.lost", "service.observed", "trial."]);
        let kinds: Vec<&str> = told.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(
            kinds,
            [
                "trial.started",
                "trial.prepared",
                "share.reported",
                "node.lost",
                "trial.completed"
            ],
            "{told}"
        );
        assert_eq!(world.finished, Some(0));
    }
}

#[test]
fn an_account_that_never_comes_does_not_hold_up_the_run() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Observe(.., Attempt(1)) => Fault::Silent,
        _ => Fault::None,
    });
    let world = world.run();
    let told = world.told(&["trial.interrupted", "trial.completed"]);
    assert_eq!(told.lines().count(), 2, "{told}");
    assert_eq!(world.finished, Some(0));
}

#[test]
fn an_agent_has_longer_to_report_where_its_host_may_see_files_late() {
    let reason = |lookups_cached: bool| {
        let mut world = World::new(outline(&[1])).with_luck(|point| match point {
            Point::Agent(node, 1) if node.as_str() == "server" => Fault::Silent,
            _ => Fault::None,
        });
        world.begin();
        world.submit(Command::Probed(probed(lookups_cached)), None);
        world.finish();
        assert_eq!(world.finished, Some(0));
        let lost = world.events.iter().find_map(|event| match &event.body {
            Body::NodeLost(lost) => Some(lost.reason.clone()),
            _ => None,
        });
        lost.unwrap()
    };
    assert!(reason(false).ends_with(&format!("within {} s", limits::JOIN_SECONDS)));
    let late = limits::JOIN_SECONDS + limits::LATE_FILES_SECONDS;
    assert!(reason(true).ends_with(&format!("within {late} s")));
}

fn probed(lookups_cached: bool) -> FileSystemProbed {
    FileSystemProbed {
        path: "events".to_owned(),
        kind: "nfs".to_owned(),
        sync_p50_seconds: 0.001,
        sync_p99_seconds: 0.002,
        samples: 100,
        rename: true,
        exclusive_create: true,
        lookups_cached,
        warnings: Vec::new(),
    }
}
