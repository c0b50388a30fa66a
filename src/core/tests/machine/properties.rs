//! Under any luck a run comes to its end, and what holds in every run holds: see `world/checks.rs`.

use hpcbench_core::event::Event;
use hpcbench_core::{Command, Outline, Seq};
use hpcbench_recipes::recipe::OnNodeLoss;
use hpcbench_stats::VerdictStatus;
use proptest::prelude::*;

use crate::world::given::{
    alike, cancel, growing_outline, outline, scaling_outline, search_outline, searched_summary,
    spanning_outline, summary, wide_outline,
};
use crate::world::{Fault, World};

/// A run's luck: what becomes of the things that it asks for, in their order; when these are used up, all goes well.
fn luck() -> impl Strategy<Value = Vec<Fault>> {
    let fault = prop_oneof![
        12 => Just(Fault::None),
        2 => Just(Fault::Fails),
        1 => Just(Fault::Silent),
        1 => Just(Fault::Freezes),
        1 => (0_u64..30_000).prop_map(Fault::Late),
        2 => (0_u64..30_000).prop_map(Fault::EndsAfter),
    ];
    prop::collection::vec(fault, 0..120)
}

#[derive(Debug, Clone)]
enum Interference {
    Cancel {
        at_once: bool,
    },
    /// Everything stops, and is resumed in a new epoch.
    Crash,
    /// Everything stops, and a job with so many seconds goes on with it.
    Job(f64),
    /// The job is told to end.
    EndJob {
        at_once: bool,
    },
}

fn interference() -> impl Strategy<Value = Vec<(usize, Interference)>> {
    let what = prop_oneof![
        1 => any::<bool>().prop_map(|at_once| Interference::Cancel { at_once }),
        1 => Just(Interference::Crash),
        1 => (70.0_f64..4_000.0).prop_map(Interference::Job),
        1 => any::<bool>().prop_map(|at_once| Interference::EndJob { at_once }),
    ];
    prop::collection::vec((1_usize..150, what), 0..3)
}

/// Instances of a service, and their nodes.
#[derive(Debug, Clone, Copy)]
enum Shape {
    One,
    Several,
    Alike,
    Scaling,
    Spanning,
    Growing,
    Search,
}

fn plans() -> impl Strategy<Value = Outline> {
    let services = prop::collection::vec(0_usize..4, 1..4);
    let shape = prop_oneof![
        Just(Shape::One),
        Just(Shape::Several),
        Just(Shape::Alike),
        Just(Shape::Scaling),
        Just(Shape::Spanning),
        Just(Shape::Growing),
        Just(Shape::Search)
    ];
    (services, shape, any::<bool>()).prop_map(|(services, shape, fragile)| {
        let mut outline = match shape {
            Shape::One => outline(&services),
            Shape::Several => wide_outline(&services),
            Shape::Alike => alike(wide_outline(&services)),
            Shape::Scaling => scaling_outline(&services),
            Shape::Spanning => spanning_outline(&services),
            Shape::Growing => growing_outline(&services),
            Shape::Search => search_outline(),
        };
        if fragile {
            outline.services[0].restarts = 0;
            outline.policy.on_node_loss = OnNodeLoss::Continue;
        }
        outline
    })
}

fn results() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0_u8..8, 0..12)
}

/// A run with all that; every check is made on the way.
fn run(
    outline: Outline,
    luck: Vec<Fault>,
    interference: Vec<(usize, Interference)>,
    results: Vec<u8>,
) -> World {
    let mut luck = luck.into_iter();
    let is_search = outline.search.is_some();
    let mut world = World::new(outline).with_luck(move |_| luck.next().unwrap_or(Fault::None));
    let mut results = results.into_iter();
    world.results = Box::new(move |trial, _| match results.next() {
        Some(0) => Ok(summary(VerdictStatus::Suspect, 99)),
        Some(1) => Ok(summary(VerdictStatus::ClientBound, 100)),
        Some(2) => Ok(summary(VerdictStatus::Invalid, 50)),
        Some(3) => Ok(summary(VerdictStatus::Invalid, 0)),
        Some(4) => Err("an aggregate cannot be read".to_owned()),
        _ if is_search => Ok(searched_summary(trial, 6.0)),
        _ => Ok(summary(VerdictStatus::Valid, 100)),
    });
    world.begin();
    let mut interference = interference;
    interference.sort_by_key(|(at, _)| *at);
    for (at, what) in interference {
        while world.finished.is_none() && world.events.len() < at {
            world.step();
        }
        if world.finished.is_some() {
            break;
        }
        match what {
            Interference::Cancel { at_once } => world.submit(Command::Cancel(cancel(at_once)), None),
            Interference::Crash => world.resume_in_new_epoch(),
            Interference::Job(seconds) => world.start_job(Some(seconds)),
            Interference::EndJob { at_once } => {
                let reason = "SIGUSR1".to_owned();
                world.submit(Command::JobEnding { reason, at_once }, None);
            }
        }
    }
    world.finish();
    world
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn every_run_ends(outline in plans(), luck in luck(), interference in interference(), results in results()) {
        run(outline, luck, interference, results);
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn every_prefix_of_a_log_can_be_resumed(luck in luck(), at in 1_usize..100) {
        let mut luck = luck.into_iter();
        let mut world = World::new(outline(&[2, 1])).with_luck(move |_| luck.next().unwrap_or(Fault::None));
        world.begin();
        while world.finished.is_none() && world.events.len() < at {
            world.step();
        }
        if world.finished.is_none() && world.truncate(at) {
            world.resume_in_new_epoch();
            world.finish();
        }
    }

    #[test]
    fn any_sequence_of_events_folds(
        luck in luck(),
        order in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>(), any::<bool>()), 0..200),
    ) {
        let world = run(wide_outline(&[1, 1]), luck, Vec::new(), Vec::new());
        let mut state = hpcbench_core::State::new(world.state.outline.clone());
        for (index, seq, keep) in order {
            let event = index.get(&world.events);
            let seq = if keep { event.seq } else { Seq(seq) };
            let event = Event { seq, ..event.clone() };
            state = hpcbench_core::evolve(state, &event);
            // Nor does anything that is decided or done in such a state panic.
            let _ = hpcbench_core::effects(&state, &event);
            let _ = hpcbench_core::decide(&state, Command::Tick, event.at);
        }
    }
}
