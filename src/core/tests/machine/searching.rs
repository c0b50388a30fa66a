//! Searches: trials come into being while the run goes on.

use hpcbench_core::event::Body;
use hpcbench_core::state::SearchState;
use hpcbench_core::{Command, TrialId};
use hpcbench_stats::VerdictStatus;
use hpcbench_stats::search::{Level, Outcome, Purpose};
use proptest::prelude::*;

use crate::world::World;
use crate::world::given::{cancel, search_outline, searched_summary};

/// A service that carries so many clients.
fn world(capacity: f64) -> World {
    let mut world = World::new(search_outline());
    world.results = Box::new(move |trial, _| Ok(searched_summary(trial, capacity)));
    world
}

fn search(world: &World) -> &SearchState {
    world.state.search.as_ref().unwrap()
}

fn answer(world: &World) -> (Outcome, Option<Level>) {
    let ending = search(world).ending.as_ref().unwrap();
    (ending.outcome, ending.answer)
}

/// The trials in the order in which they were planned.
fn planned(world: &World) -> Vec<(f64, u32, Purpose)> {
    let planned = world.events.iter().filter_map(|event| match &event.body {
        Body::TrialPlanned(e) => Some((e.level.0, e.repetition, e.purpose)),
        _ => None,
    });
    planned.collect()
}

#[test]
fn a_search_plans_one_trial_after_the_other() {
    let world = world(6.0).run();
    assert_eq!(world.finished, Some(0));
    assert_eq!(answer(&world), (Outcome::Found, Some(Level(6.0))));
    insta::assert_snapshot!(world.told(&["trial.planned", "trial.started", "search.", "run.", "phase."]));
    // The service stays up: it is the same for all.
    assert_eq!(world.told(&["service.requested"]).lines().count(), 1);
}

#[test]
fn a_search_without_an_answer_is_no_success() {
    let world = world(0.0).run();
    assert_eq!(
        (world.finished, answer(&world)),
        (Some(1), (Outcome::NonePasses, None))
    );
}

#[test]
fn failed_requests_are_an_answer_and_other_faults_are_not() {
    let mut crowded = world(6.0);
    crowded.results = Box::new(|trial, _| {
        let mut summary = searched_summary(trial, 6.0);
        // Nothing succeeds above.
        let evidence = summary.slo_evidence.as_ref().unwrap();
        if evidence.objectives["ttft_p90"].batches[0].counted > 0 {
            summary.requests.ok = 0;
            summary.verdict.status = VerdictStatus::Invalid;
        }
        Ok(summary)
    });
    let crowded = crowded.run();
    assert_eq!(
        (crowded.finished, answer(&crowded)),
        (Some(0), (Outcome::Found, Some(Level(6.0))))
    );
    assert_eq!(crowded.told(&["trial.failed"]), "");

    let mut broken = World::new(search_outline());
    broken.results = Box::new(|_, _| Err("an aggregate cannot be read".to_owned()));
    let broken = broken.run();
    assert_eq!(
        (broken.finished, answer(&broken)),
        (Some(1), (Outcome::ClientLimit, None))
    );
    assert_eq!(
        planned(&broken),
        [
            (1.0, 1, Purpose::Grow),
            (1.0, 2, Purpose::Repeat),
            (1.0, 3, Purpose::Repeat),
            (1.0, 4, Purpose::Repeat)
        ]
    );
}

#[test]
fn what_failed_is_repeated_and_the_search_goes_on() {
    let mut world = world(6.0);
    let mut failures = 0;
    world.results = Box::new(move |trial, _| {
        failures += 1;
        if failures > 4 {
            Ok(searched_summary(trial, 6.0))
        } else {
            Err("an aggregate cannot be read".to_owned())
        }
    });
    world.begin();
    world.finish();
    assert_eq!(answer(&world).0, Outcome::ClientLimit);
    world.retry_in_new_epoch();
    world.finish();
    assert_eq!(
        (world.finished, answer(&world)),
        (Some(0), (Outcome::Found, Some(Level(6.0))))
    );
}

#[test]
fn a_cancelled_search_plans_nothing_more() {
    let mut world = world(6.0);
    world.begin();
    while planned(&world).len() < 3 {
        world.step();
    }
    world.submit(Command::Cancel(cancel(false)), None);
    world.finish();
    assert_eq!((world.finished, planned(&world).len()), (Some(1), 3));
    assert_eq!(search(&world).ending, None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whenever it is cut off, a search goes on at the level at which it was, and comes to the same answer by the same way.
    #[test]
    fn an_interrupted_search_goes_on_as_if_nothing_had_happened(at in 1_usize..200) {
        let undisturbed = planned(&world(6.0).run());
        let mut world = world(6.0);
        world.begin();
        while world.finished.is_none() && world.events.len() < at {
            world.step();
        }
        if world.finished.is_none() && world.truncate(at) {
            world.resume_in_new_epoch();
            world.finish();
            prop_assert_eq!(answer(&world), (Outcome::Found, Some(Level(6.0))));
            prop_assert_eq!(planned(&world), undisturbed);
            let ids: std::collections::BTreeSet<&TrialId> =
                search(&world).trials.iter().map(|trial| &trial.id).collect();
            prop_assert_eq!(ids.len(), search(&world).trials.len());
        }
    }
}
