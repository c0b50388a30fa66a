//! Runs whose trials use more and fewer of their nodes.

use hpcbench_core::event::{Body, Event, NodeSuspended};
use hpcbench_core::message::ReportBody;
use hpcbench_core::{Effect, NodeId, State, effects, evolve};
use hpcbench_recipes::recipe::OnNodeLoss;

use crate::world::given::{node, scaling_outline, trial};
use crate::world::{Fault, Happening, Point, World};

/// One trial on the first nodes, one on all.
const ONE_OF_EACH: [usize; 2] = [1, 1];

/// What the events say that `what` finds something in, in their order.
fn said<T>(world: &World, what: impl Fn(&Body) -> Option<T>) -> Vec<T> {
    world
        .events
        .iter()
        .filter_map(|event| what(&event.body))
        .collect()
}

/// For each start of a trial its clients.
fn clients(world: &World) -> Vec<Vec<String>> {
    said(world, |body| match body {
        Body::TrialStarted(e) => Some(e.clients.iter().map(ToString::to_string).collect()),
        _ => None,
    })
}

fn starts_of_agent(world: &World, name: &str) -> usize {
    let starts = said(world, |body| match body {
        Body::AgentRequested(e) => Some(e.node.clone()),
        _ => None,
    });
    starts.iter().filter(|started| started.as_str() == name).count()
}

fn kinds(world: &World, kind: &str) -> usize {
    said(world, |body| (body.kind() == kind).then_some(())).len()
}

fn starts(event: &Event, number: usize) -> bool {
    matches!(&event.body, Body::LoadStarted(load) if load.trial == trial(number))
}

/// For each attempt that was put together, the nodes that it missed.
fn missed(world: &World) -> Vec<Vec<NodeId>> {
    let mut state = State::new(world.state.outline.clone());
    let mut missed = Vec::new();
    for event in &world.events {
        state = evolve(state, event);
        missed.extend(
            effects(&state, event)
                .into_iter()
                .filter_map(|effect| match effect {
                    Effect::Measure { without, .. } => Some(without),
                    _ => None,
                }),
        );
    }
    missed
}

#[test]
fn each_trial_uses_its_own_nodes_and_no_others() {
    let world = World::new(scaling_outline(&ONE_OF_EACH)).run();
    assert_eq!(world.finished, Some(0), "{}", world.story());
    assert_eq!(world.rejections, []);
    assert_eq!(clients(&world), [vec!["client-a"], vec!["client-a", "client-b"]]);
    let asked = said(&world, |body| match body {
        Body::ServiceRequested(e) => Some((e.service, e.instance.to_string())),
        _ => None,
    });
    let asked: Vec<(usize, &str)> = asked.iter().map(|(index, id)| (*index, id.as_str())).collect();
    assert_eq!(
        asked,
        [
            (0, "server-a-0"),
            (0, "server-a-1"),
            (1, "server-b-0"),
            (1, "server-b-1"),
        ]
    );
    let tried = said(&world, |body| match body {
        Body::ClientRequested(e) => Some((e.node.to_string(), e.endpoints.len())),
        _ => None,
    });
    let tried: Vec<(&str, usize)> = tried
        .iter()
        .map(|(node, count)| (node.as_str(), *count))
        .collect();
    assert_eq!(tried, [("client-a", 2), ("client-a", 4), ("client-b", 4)]);
    let observed = said(&world, |body| match body {
        Body::ServiceObserved(e) => Some((e.trial.clone(), e.node.to_string())),
        _ => None,
    });
    let of = |number: usize| observed.iter().filter(|(id, _)| *id == trial(number)).count();
    assert_eq!((of(1), of(2)), (1, 2));
}

#[test]
fn a_node_that_a_trial_does_not_use_is_lost_without_harm_to_it() {
    for lost in ["server-b", "client-b"] {
        let mut world = World::new(scaling_outline(&ONE_OF_EACH));
        world.when(|event| starts(event, 1), Happening::EndAgent(node(lost), 1));
        let world = world.run();
        assert_eq!(world.finished, Some(0), "{}", world.story());
        assert_eq!(kinds(&world, "node.lost"), 1, "{}", world.story());
        assert_eq!(kinds(&world, "trial.interrupted"), 0, "{}", world.story());
        // The next trial needs it.
        assert_eq!(starts_of_agent(&world, lost), 2, "{}", world.story());
    }
    let mut world = World::new(scaling_outline(&ONE_OF_EACH));
    world.when(|event| starts(event, 2), Happening::EndAgent(node("server-b"), 1));
    let world = world.run();
    assert_eq!(kinds(&world, "trial.interrupted"), 1, "{}", world.story());
}

#[test]
fn a_node_that_no_trial_needs_any_more_is_not_asked_for_again() {
    // All nodes come first.
    let plan = scaling_outline(&[0, 1, 2]);
    let mut world = World::new(plan);
    world.when(|event| starts(event, 2), Happening::EndAgent(node("server-b"), 1));
    let world = world.run();
    assert_eq!(world.finished, Some(0), "{}", world.story());
    assert_eq!(starts_of_agent(&world, "server-b"), 1, "{}", world.story());
    assert_eq!(kinds(&world, "trial.completed"), 3, "{}", world.story());
}

#[test]
fn an_agent_that_a_trial_does_not_use_may_stand_still() {
    let stood_still = |name: &str| {
        let mut world = World::new(scaling_outline(&ONE_OF_EACH));
        let suspended = NodeSuspended {
            node: node(name),
            seconds: 4.5,
        };
        let say = Happening::Say {
            node: node(name),
            boot: format!("{name}-1-1"),
            cause: None,
            body: ReportBody::Suspended(suspended),
        };
        world.when(|event| starts(event, 1), say);
        let world = world.run();
        assert_eq!(kinds(&world, "node.suspended"), 1, "{}", world.story());
        kinds(&world, "trial.interrupted")
    };
    let interrupted = ["client-b", "server-b", "client-a", "server-a", "orchestrator"].map(stood_still);
    assert_eq!(interrupted, [0, 0, 1, 1, 1]);
}

#[test]
fn a_trial_misses_only_the_nodes_that_it_would_have_used() {
    let mut plan = scaling_outline(&ONE_OF_EACH);
    plan.policy.on_node_loss = OnNodeLoss::Continue;
    let world = World::new(plan).with_luck(|point| match point {
        Point::Agent(name, _) if *name == node("server-b") => Fault::Fails,
        _ => Fault::None,
    });
    let world = world.run();
    assert_eq!(kinds(&world, "node.given_up"), 1, "{}", world.story());
    assert_eq!(
        missed(&world),
        [vec![], vec![node("server-b")]],
        "{}",
        world.story()
    );
}

#[test]
fn without_the_first_node_fewer_are_of_no_use() {
    for lost in ["server-a", "client-a"] {
        let mut plan = scaling_outline(&ONE_OF_EACH);
        plan.policy.on_node_loss = OnNodeLoss::Continue;
        let world = World::new(plan).with_luck(move |point| match point {
            Point::Agent(name, _) if *name == node(lost) => Fault::Fails,
            _ => Fault::None,
        });
        let world = world.run();
        assert_eq!(world.finished, Some(3), "{}", world.story());
        assert_eq!(kinds(&world, "node.given_up"), 0, "{}", world.story());
        assert_eq!(kinds(&world, "trial.started"), 0, "{}", world.story());
    }
}

#[test]
fn a_node_that_is_lost_for_good_lets_the_trial_without_it_end() {
    let mut world = World::new(scaling_outline(&[2, 1])).with_luck(|point| match point {
        Point::Agent(name, 1 | 2) if *name == node("server-b") => Fault::Fails,
        _ => Fault::None,
    });
    world.when(|event| starts(event, 1), Happening::EndAgent(node("server-b"), 3));
    world.begin_by_submission();
    world.start_job(Some(10_000.0));
    world.finish();
    assert_eq!(kinds(&world, "node.lost"), 3, "{}", world.story());
    assert_eq!(kinds(&world, "job.ending"), 1, "{}", world.story());
    assert_eq!(kinds(&world, "trial.completed"), 1, "{}", world.story());
    assert_eq!(kinds(&world, "trial.interrupted"), 0, "{}", world.story());
    assert!(world.state.paused.is_some(), "{}", world.story());
}
