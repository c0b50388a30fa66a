//! Runs that go well, and runs whose services, clients or results do not.

use hpcbench_core::Attempt;
use hpcbench_stats::VerdictStatus;

use crate::world::given::{outline, summary, trial, wide_outline};
use crate::world::{Fault, Point, World};

const OF_SERVICES_AND_TRIALS: [&str; 3] = ["service.", "trial.", "run."];

#[test]
fn three_trials_on_one_service() {
    let world = World::new(outline(&[3])).run();
    insta::assert_snapshot!(world.story());
    assert_eq!(world.finished, Some(0));
    assert_eq!(world.rejections, []);
}

#[test]
fn several_nodes_and_instances() {
    let world = World::new(wide_outline(&[1])).run();
    insta::assert_snapshot!(world.story());
    assert_eq!(world.finished, Some(0));
    assert_eq!(world.rejections, []);
}

#[test]
fn one_configuration_after_the_other() {
    let world = World::new(outline(&[1, 2])).run();
    insta::assert_snapshot!(world.told(&["phase.", "service.", "client.", "trial.", "run."]));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn a_plan_without_trials_ends() {
    let world = World::new(outline(&[0])).run();
    insta::assert_snapshot!(world.story());
    assert_eq!(world.finished, Some(0));
}

#[test]
fn a_service_that_never_becomes_ready_fails_all_its_trials_and_no_others() {
    let mut launches = 0;
    let world = World::new(outline(&[2, 1])).with_luck(move |point| match point {
        Point::Service(..) => {
            launches += 1;
            if launches <= 3 { Fault::Fails } else { Fault::None }
        }
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&OF_SERVICES_AND_TRIALS));
    assert_eq!(world.finished, Some(1));
}

#[test]
fn a_service_that_dies_mid_trial_fails_that_trial_and_is_restarted() {
    let world = World::new(outline(&[3])).with_luck(|point| match point {
        Point::Service(_, 1) => Fault::EndsAfter(15_000),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&OF_SERVICES_AND_TRIALS));
    assert_eq!(world.finished, Some(1));
}

#[test]
fn a_service_that_always_dies_uses_up_its_restarts() {
    let world = World::new(outline(&[5])).with_luck(|point| match point {
        Point::Service(..) => Fault::EndsAfter(5_000),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&OF_SERVICES_AND_TRIALS));
    assert_eq!(world.finished, Some(1));
}

#[test]
fn a_late_exit_of_the_former_configuration_does_not_count_against_the_next() {
    // The instance is reported to have failed before its process has ended, and the next configuration is asked for.
    let mut plan = outline(&[1, 1]);
    plan.services[0].restarts = 0;
    let mut first = true;
    let world = World::new(plan).with_luck(move |point| match point {
        Point::Service(..) if std::mem::take(&mut first) => Fault::Fails,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&OF_SERVICES_AND_TRIALS));
}

#[test]
fn a_service_whose_every_request_fails_fails_the_trial_with_the_kinds_of_failure() {
    let mut world = World::new(outline(&[2]));
    world.results = Box::new(|id, _| {
        let ok = if *id == trial(1) { 0 } else { 100 };
        Ok(summary(VerdictStatus::Valid, ok))
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["trial.completed", "trial.failed", "run."]));
    assert_eq!(world.finished, Some(1));
}

#[test]
fn only_valid_trials_make_a_good_run() {
    use VerdictStatus::{ClientBound, Invalid, Suspect, Valid};
    for (verdict, code) in [(Valid, 0), (Suspect, 1), (ClientBound, 1), (Invalid, 1)] {
        let mut world = World::new(outline(&[2]));
        world.results = Box::new(move |id, _| {
            let status = if *id == trial(2) { verdict } else { Valid };
            Ok(summary(status, 99))
        });
        assert_eq!(world.run().finished, Some(code), "{verdict:?}");
    }
}

#[test]
fn a_client_that_cannot_reach_the_service_fails_the_trial() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Connect(_) => Fault::Fails,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["client.", "trial.", "run."]));
    assert_eq!(world.finished, Some(1));
}

#[test]
fn a_service_that_dies_before_it_is_tried_is_started_again_though_its_clients_tell_of_it_first() {
    let mut first = true;
    let world = World::new(outline(&[2])).with_luck(move |point| match point {
        // The client hears at once that nobody listens; the supervisor notices a second later.
        Point::Service(_, 1) => Fault::EndsAfter(1_000),
        Point::Connect(_) if std::mem::take(&mut first) => Fault::Fails,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["service.", "client.", "trial.", "run."]));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn each_trial_tries_the_service_anew() {
    let mut first = true;
    let world = World::new(outline(&[2])).with_luck(move |point| match point {
        Point::Connect(_) if std::mem::take(&mut first) => Fault::Fails,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["client.", "trial.", "run."]));
    assert_eq!(world.finished, Some(1));
}

#[test]
fn a_word_on_former_endpoints_does_not_count_for_the_present_ones() {
    // The service dies while the client still tries it; the client's answer comes before the service is back.
    let mut plan = outline(&[1]);
    plan.services[0].restart_backoff = 20.0;
    let mut first = true;
    let world = World::new(plan).with_luck(move |point| match point {
        Point::Service(_, 1) => Fault::EndsAfter(2_000),
        Point::Connect(_) if std::mem::take(&mut first) => Fault::Late(5_000),
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["service.", "client.", "trial.", "run."]));
    assert_eq!(world.finished, Some(0));
}

#[test]
fn one_client_in_trouble_ends_the_attempt_for_all() {
    let world = World::new(wide_outline(&[2])).with_luck(|point| match point {
        Point::Load(client, id, _) if client.as_str() == "client-b" && *id == trial(1) => Fault::Fails,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["load.", "share.", "trial.", "run."]));
    assert_eq!(world.finished, Some(1));
}

#[test]
fn shares_that_cannot_be_put_together_fail_the_trial() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Measure(..) => Fault::Fails,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["share.", "trial.", "run."]));
}

#[test]
fn shares_that_nobody_puts_together_do_not_hold_up_the_run() {
    let world = World::new(outline(&[1])).with_luck(|point| match point {
        Point::Measure(_, Attempt(1)) => Fault::Silent,
        _ => Fault::None,
    });
    let world = world.run();
    insta::assert_snapshot!(world.told(&["share.", "trial.", "run."]));
    assert_eq!(world.finished, Some(0));
}
