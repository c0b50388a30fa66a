//! Runs that live in a batch job.

use hpcbench_core::event::{Afterwards, Body};
use hpcbench_core::{Command, Outline, decide, limits};
use hpcbench_recipes::recipe::OnNodeLoss;

use crate::world::given::{job_started, node, outline, trial, wide_outline};
use crate::world::{Fault, Happening, Point, World};

/// Seconds that are enough for everything.
const AMPLE: f64 = 3_600.0;

fn requeued(services: &[usize]) -> Outline {
    let mut outline = outline(services);
    outline.policy.on_time_limit = Afterwards::Requeue;
    outline
}

/// A submitted run whose job has so many seconds.
fn in_job(outline: Outline, seconds: f64) -> World {
    let mut world = World::new(outline);
    world.begin_by_submission();
    world.start_job(Some(seconds));
    world
}

fn job_ending(at_once: bool) -> Happening {
    let reason = if at_once { "SIGTERM" } else { "SIGUSR1" }.to_owned();
    Happening::Command(Command::JobEnding { reason, at_once }, None)
}

#[test]
fn a_submission_does_nothing_and_its_job_does_everything() {
    let mut world = World::new(outline(&[1]));
    world.begin_by_submission();
    assert_eq!(world.story(), "epoch.started 1\nrun.created\njob.requested");
    world.start_job(None);
    world.finish();
    assert_eq!(world.finished, Some(0));
    insta::assert_snapshot!(world.told(&["epoch.", "job.", "phase.", "trial.", "run."]));
}

#[test]
fn a_job_that_is_told_to_end_winds_down_in_order_and_the_next_one_goes_on() {
    let mut world = in_job(requeued(&[3]), AMPLE);
    world.when(
        |event| matches!(&event.body, Body::LoadStarted(load) if load.trial == trial(2)),
        job_ending(false),
    );
    world.finish();
    assert_eq!(world.finished, Some(1));
    world.start_job(Some(AMPLE));
    world.finish();
    assert_eq!(world.finished, Some(0));
    insta::assert_snapshot!(world.told(&["job.", "trial.", "run.", "phase.entered teardown"]));
}

#[test]
fn a_job_that_is_about_to_be_killed_says_why_and_nothing_more() {
    let mut world = in_job(requeued(&[1]), AMPLE);
    world.when(|event| event.body.kind() == "load.started", job_ending(true));
    world.finish();
    let told = world.story();
    let after = told.split("job.ending").nth(1).unwrap();
    assert_eq!(
        after,
        " SIGTERM (wait)\ntrial.interrupted 1/1: SIGTERM\nrun.paused exit code 1: SIGTERM (wait)"
    );
}

#[test]
fn a_trial_that_cannot_finish_in_time_is_left_to_the_next_job() {
    // A trial takes ten seconds, what is around it takes less than ten, and a minute is kept for the end.
    let mut world = in_job(requeued(&[4]), 60.0 + 35.0);
    world.finish();
    assert_eq!(world.finished, Some(1));
    world.start_job(Some(AMPLE));
    world.finish();
    assert_eq!(world.finished, Some(0));
    let told = world.told(&["job.", "trial.started", "trial.interrupted", "run."]);
    assert!(!told.contains("trial.interrupted"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn the_time_limit_ends_a_load_even_without_a_signal() {
    let mut plan = requeued(&[2]);
    for trial in &mut plan.trials {
        trial.load_at_least = 0.0;
    }
    let mut world = in_job(plan, 60.0 + 18.0);
    world.finish();
    insta::assert_snapshot!(world.told(&["job.", "trial.", "run."]));
}

#[test]
fn a_job_that_settles_no_trial_is_not_repeated_and_neither_is_one_too_many() {
    let mut world = in_job(requeued(&[2]), 65.0);
    world.finish();
    assert_eq!(world.state.paused.as_ref().unwrap().afterwards, Afterwards::Wait);

    let mut plan = requeued(&[9]);
    plan.policy.most_starts = 2;
    let mut world = in_job(plan, 60.0 + 35.0);
    world.finish();
    assert_eq!(
        world.state.paused.as_ref().unwrap().afterwards,
        Afterwards::Requeue
    );
    world.start_job(Some(60.0 + 35.0));
    world.finish();
    assert_eq!(world.state.paused.as_ref().unwrap().afterwards, Afterwards::Wait);
}

#[test]
fn the_end_of_a_job_does_not_count_against_its_trial() {
    let mut world = in_job(outline(&[1]), AMPLE);
    let ends = limits::INTERRUPTIONS as usize + 1;
    for _ in 0..ends {
        world.when(|event| event.body.kind() == "load.started", job_ending(true));
        world.finish();
        world.start_job(Some(AMPLE));
    }
    world.finish();
    assert_eq!(world.finished, Some(0), "{}", world.story());
    let told = world.told(&["trial.interrupted", "trial.completed", "trial.failed"]);
    assert_eq!(told.matches("trial.interrupted").count(), ends, "{told}");
}

#[test]
fn a_run_lives_in_one_job_at_a_time() {
    let mut world = in_job(outline(&[1]), AMPLE);
    world.step();
    let again = Command::JobStarted(job_started(&world.state.outline, None));
    assert!(decide(&world.state, again, world.time()).is_err());
}

#[test]
fn a_lost_node_makes_its_job_start_again_with_others() {
    let mut world = World::new(outline(&[2])).with_luck(|point| match point {
        Point::Load(_, id, _) if *id == trial(2) => Fault::EndsAfter(3_000),
        _ => Fault::None,
    });
    world.begin_by_submission();
    world.start_job(Some(AMPLE));
    world.finish();
    assert_eq!(
        world.state.paused.as_ref().unwrap().afterwards,
        Afterwards::Requeue
    );
    insta::assert_snapshot!(world.told(&["job.", "node.lost", "trial.", "run."]));
}

#[test]
fn a_lost_node_starts_no_job_again_that_somebody_had_already() {
    let mut world = World::new(outline(&[2])).with_luck(|point| match point {
        Point::Load(_, id, _) if *id == trial(2) => Fault::EndsAfter(3_000),
        _ => Fault::None,
    });
    world.begin_by_submission();
    world.start_job_by_hand(Some(AMPLE));
    world.finish();
    let paused = world.state.paused.as_ref().unwrap();
    assert_eq!(paused.afterwards, Afterwards::Wait, "{}", world.story());
    assert!(paused.reason.contains("was lost"), "{paused:?}");
}

#[test]
fn a_lost_node_leaves_a_run_that_is_to_stop_then_to_people() {
    let mut plan = outline(&[2]);
    plan.policy.on_node_loss = OnNodeLoss::Stop;
    let mut world = World::new(plan).with_luck(|point| match point {
        Point::Load(_, id, _) if *id == trial(2) => Fault::EndsAfter(3_000),
        _ => Fault::None,
    });
    world.begin_by_submission();
    world.start_job(Some(AMPLE));
    world.finish();
    assert_eq!(world.finished, Some(1), "{}", world.story());
    let paused = world.state.paused.as_ref().unwrap();
    assert_eq!(paused.afterwards, Afterwards::Wait);
    assert!(paused.reason.contains("was lost"), "{paused:?}");
    assert_eq!(
        world
            .told(&["trial.completed"])
            .matches("trial.completed")
            .count(),
        1
    );
}

#[test]
fn a_run_can_go_on_without_a_lost_client() {
    let mut plan = wide_outline(&[2]);
    plan.policy.on_node_loss = OnNodeLoss::Continue;
    let mut world = World::new(plan).with_luck(|point| match point {
        Point::Load(client, ..) if client.as_str() == "client-b" => Fault::EndsAfter(3_000),
        _ => Fault::None,
    });
    world.begin();
    world.finish();
    assert_eq!(world.finished, Some(0), "{}", world.story());
    insta::assert_snapshot!(world.told(&["node.lost", "node.g", "trial.", "run."]));
}

#[test]
fn a_run_can_go_on_without_a_lost_server_but_not_without_the_last_one() {
    let mut plan = wide_outline(&[1]);
    plan.policy.on_node_loss = OnNodeLoss::Continue;
    let mut world = World::new(plan.clone()).with_luck(|point| match point {
        Point::Agent(server, _) if server.as_str() == "server-a" => Fault::Fails,
        _ => Fault::None,
    });
    world.begin();
    world.finish();
    assert_eq!(world.finished, Some(0), "{}", world.story());
    assert_eq!(world.state.given_up().collect::<Vec<_>>(), [&node("server-a")]);

    let mut world = World::new(plan).with_luck(|point| match point {
        Point::Agent(server, _) if server.as_str().starts_with("server") => Fault::Fails,
        _ => Fault::None,
    });
    world.begin();
    world.finish();
    assert_eq!(world.finished, Some(3), "{}", world.story());
    assert!(world.state.outcome.is_some());
}
