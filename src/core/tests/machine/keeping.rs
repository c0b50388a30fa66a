//! Runs whose service configurations have the same processes: what can stay, stays.

use hpcbench_core::event::Body;

use crate::world::given::{alike, growing_outline, outline, scaling_outline, wide_outline};
use crate::world::{Fault, Point, World};

/// What becomes of processes, in its order: `+` one that is asked for and the configuration that asks, `-` one that is to stop.
fn asked(world: &World) -> Vec<String> {
    let asked = world.events.iter().filter_map(|event| match &event.body {
        Body::ServiceRequested(e) => Some(format!("+{} {}", e.instance, e.service)),
        Body::ServiceStopRequested(e) => Some(format!("-{}", e.instance)),
        Body::PhaseEntered(e) if e.phase == hpcbench_core::Phase::Teardown => Some("end".to_owned()),
        _ => None,
    });
    asked.take_while(|said| said != "end").collect()
}

fn completed(world: &World) -> usize {
    let completed = |event: &&hpcbench_core::event::Event| event.body.kind() == "trial.completed";
    world.events.iter().filter(completed).count()
}

#[test]
fn another_limit_starts_nothing_anew() {
    let mut plan = alike(outline(&[1, 1]));
    plan.services[1].ready_within = 30.0;
    let world = World::new(plan).run();
    assert_eq!(asked(&world), ["+server-0 0"], "{}", world.story());
    assert_eq!((world.finished, completed(&world)), (Some(0), 2));
}

#[test]
fn other_processes_take_the_place_of_all() {
    let world = World::new(outline(&[1, 1])).run();
    assert_eq!(
        asked(&world),
        ["+server-0 0", "-server-0", "+server-0 1"],
        "{}",
        world.story()
    );
}

#[test]
fn on_fewer_nodes_only_the_others_stop_and_on_more_only_they_start() {
    let world = World::new(scaling_outline(&[0, 1, 1, 1])).run();
    assert_eq!(
        asked(&world),
        [
            "+server-a-0 1",
            "+server-a-1 1",
            "+server-b-0 1",
            "+server-b-1 1",
            "-server-b-0",
            "-server-b-1",
            "+server-b-0 3",
            "+server-b-1 3",
        ],
        "{}",
        world.story()
    );
    assert_eq!((world.finished, completed(&world)), (Some(0), 3));
}

#[test]
fn instances_of_several_nodes_stay_as_a_whole() {
    let world = World::new(growing_outline(&[1, 1, 1])).run();
    assert_eq!(
        asked(&world),
        [
            "+server-a-0 0",
            "+server-b-0 0",
            "+server-c-0 1",
            "+server-d-0 1",
            "-server-c-0",
            "-server-d-0",
        ],
        "{}",
        world.story()
    );
    assert_eq!((world.finished, completed(&world)), (Some(0), 3));
}

#[test]
fn what_could_not_be_had_under_one_configuration_is_tried_under_the_next() {
    let mut plan = alike(outline(&[1, 1]));
    plan.services[0].restarts = 0;
    let world = World::new(plan).with_luck(|point| match point {
        Point::Service(_, 1) => Fault::Fails,
        _ => Fault::None,
    });
    let world = world.run();
    assert_eq!(asked(&world), ["+server-0 0", "+server-0 1"], "{}", world.story());
    assert_eq!(completed(&world), 1, "{}", world.story());
}

#[test]
fn what_has_not_become_ready_does_not_stay() {
    let mut plan = alike(wide_outline(&[1, 1]));
    plan.services[0].restarts = 0;
    let world = World::new(plan).with_luck(|point| match point {
        Point::Service(id, 1) if id.as_str() == "server-a-0" => Fault::Fails,
        Point::Service(id, 1) if id.as_str() == "server-b-0" => Fault::Late(25_000),
        _ => Fault::None,
    });
    let world = world.run();
    let said = asked(&world);
    let count = |what: &str| said.iter().filter(|said| said.starts_with(what)).count();
    assert_eq!(
        ["+server-a-0", "+server-a-1", "+server-b-0", "+server-b-1"].map(count),
        [2, 1, 2, 1],
        "{}",
        world.story()
    );
    assert_eq!((count("-"), count("-server-b-0")), (1, 1), "{}", world.story());
}

#[test]
fn failures_count_under_the_configuration_that_meets_them() {
    let mut plan = alike(outline(&[1, 3]));
    for service in &mut plan.services {
        service.restarts = 1;
    }
    // It outlives the first configuration's trial, and fails in the next two.
    let world = World::new(plan).with_luck(|point| match point {
        Point::Service(_, 1) => Fault::EndsAfter(15_000),
        Point::Service(..) => Fault::EndsAfter(5_000),
        _ => Fault::None,
    });
    let world = world.run();
    assert_eq!(asked(&world), ["+server-0 0", "+server-0 1"], "{}", world.story());
    assert_eq!(completed(&world), 1, "{}", world.story());
}
