//! Runs whose service has a process on each of several nodes.

use hpcbench_core::Attempt;
use hpcbench_core::event::Body;
use hpcbench_recipes::recipe::OnNodeLoss;

use crate::world::given::{node, spanning_outline, trial};
use crate::world::{Fault, Point, World};

const OF_SERVICES_AND_TRIALS: [&str; 5] = ["service.", "node.lost", "node.given_up", "trial.", "run."];

fn is_second(point: &Point, launch: u32) -> bool {
    matches!(point, Point::Service(id, n) if id.as_str() == "server-b-0" && *n == launch)
}

#[test]
fn the_first_process_answers_and_the_others_are_told_where_it_is() {
    let world = World::new(spanning_outline(&[2])).run();
    insta::assert_snapshot!(world.told(&["service.", "client.requested", "trial.", "run."]));
    assert_eq!(world.finished, Some(0));
    assert_eq!(world.rejections, []);
    let ranks: Vec<String> = world
        .events
        .iter()
        .filter_map(|event| match &event.body {
            Body::ServiceRequested(e) => Some(serde_json::to_string(&e.rank).unwrap()),
            _ => None,
        })
        .collect();
    insta::assert_snapshot!(ranks.join("\n"));
}

#[test]
fn a_process_that_ends_is_named_and_takes_the_others_with_it() {
    let world = World::new(spanning_outline(&[2])).with_luck(|point| {
        if is_second(point, 1) {
            Fault::EndsAfter(5_000)
        } else {
            Fault::None
        }
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&OF_SERVICES_AND_TRIALS));
    assert_eq!(world.finished, Some(1));
}

#[test]
fn processes_that_end_together_are_one_failure() {
    let mut plan = spanning_outline(&[2]);
    plan.services[0].restarts = 1;
    let world = World::new(plan).with_luck(|point| match point {
        Point::Service(id, 1) if id.as_str() == "server-a-0" => Fault::EndsAfter(5_100),
        point if is_second(point, 1) => Fault::EndsAfter(5_000),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&OF_SERVICES_AND_TRIALS));
}

#[test]
fn a_node_whose_loss_its_instance_notices_first_interrupts_the_trial() {
    let world = World::new(spanning_outline(&[1])).with_luck(|point| match point {
        Point::Service(id, 1) if id.as_str() == "server-a-0" => Fault::EndsAfter(5_000),
        Point::Agent(name, 1) if *name == node("server-b") => Fault::EndsAfter(5_100),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&OF_SERVICES_AND_TRIALS));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn a_process_that_always_ends_uses_up_the_restarts() {
    let world = World::new(spanning_outline(&[2])).with_luck(|point| match point {
        Point::Service(id, _) if id.as_str() == "server-b-0" => Fault::EndsAfter(100),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&OF_SERVICES_AND_TRIALS));
    assert_eq!(world.finished, Some(1));
}

#[test]
fn a_lost_node_interrupts_the_trial_and_the_instance_begins_anew() {
    let world = World::new(spanning_outline(&[1])).with_luck(|point| match point {
        Point::Agent(name, 1) if *name == node("server-b") => Fault::EndsAfter(5_000),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&OF_SERVICES_AND_TRIALS));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn without_one_of_its_nodes_an_instance_cannot_go_on() {
    let mut plan = spanning_outline(&[1]);
    plan.policy.on_node_loss = OnNodeLoss::Continue;
    let world = World::new(plan).with_luck(|point| match point {
        Point::Agent(name, _) if *name == node("server-b") => Fault::EndsAfter(5_000),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&OF_SERVICES_AND_TRIALS));
    assert_eq!(world.finished, Some(1));
}

#[test]
fn a_process_that_hangs_at_its_end_costs_its_node() {
    let world = World::new(spanning_outline(&[1, 1])).with_luck(|point| match point {
        Point::StopService(id) if id.as_str() == "server-b-0" => Fault::Silent,
        Point::Load(_, id, Attempt(1)) if *id == trial(2) => Fault::None,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["service.requested", "node.lost", "trial.", "run."]));
}
