//! What holds for every search, whatever the service does.

use proptest::prelude::*;

use super::super::{Judgement, Outcome};
use super::*;

fn any_search() -> impl Strategy<Value = Search> {
    let real =
        (0.01..100.0_f64, 1.01..1_000.0_f64).prop_map(|(from, times)| (from, from * times, Levels::Real));
    let whole = (1..100_u32, 1..5_000_u32)
        .prop_map(|(from, more)| (f64::from(from), f64::from(from + more), Levels::Whole));
    (prop_oneof![real, whole], 1..60_u32).prop_map(|((from, to, levels), max_trials)| Search {
        max_trials,
        ..search(from, to, levels)
    })
}

/// A service without any sense.
fn any_evidence() -> impl Strategy<Value = SloEvidence> {
    prop_oneof![
        4 => (0.0..0.3_f64).prop_map(evidence),
        1 => Just(SloEvidence::unusable("client-bound")),
        1 => Just(SloEvidence { queue: QueueTrend::Trend, ..evidence(0.0) }),
    ]
}

/// What holds for any ending.
fn check(search: &Search, played: &Played) {
    let Played { trials, ending } = played;
    assert!(trials.len() <= search.max_trials as usize);
    let rounds = search.rounds(&played.tried());
    for round in &rounds {
        assert!(
            search.from <= round.level && round.level <= search.to,
            "{round:?}"
        );
        assert!(round.trials <= 4, "{round:?}");
        assert_ne!(
            (round.trials, round.judged.judgement),
            (4, Judgement::Unclear),
            "{round:?}"
        );
    }
    let bounded = |level: Option<Level>| {
        level.is_none_or(|level| ending.boundary.is_none_or(|boundary| level < boundary))
    };
    assert!(
        bounded(ending.answer) && bounded(ending.highest_pass),
        "{ending:?}"
    );
    if let Some(answer) = ending.answer {
        let last = rounds.iter().rev().find(|round| round.level == answer);
        let last = last.map(|round| (round.purpose, round.judged.judgement));
        assert!(
            matches!(
                last,
                Some((Purpose::Confirm | Purpose::StepDown, Judgement::Passes))
            ),
            "{last:?}"
        );
        // Nothing at or below the answer has failed, and nothing is left between it and the boundary.
        let failed = |round: &&super::super::Round| {
            round.judged.judgement.is_failure() && round.purpose != Purpose::LookAbove
        };
        assert!(rounds.iter().filter(failed).all(|round| round.level > answer));
        match ending.boundary {
            Some(boundary) => assert!(search.levels.between(answer, boundary).is_none()),
            None => assert_eq!((ending.outcome, answer), (Outcome::AllPass, search.to)),
        }
    }
    assert_eq!(
        ending.answer.is_some() && ending.outcome != Outcome::NonMonotone,
        ending.outcome.is_answer()
    );
}

proptest! {
    #[test]
    fn a_search_ends_soundly_whatever_happens(
        search in any_search(),
        service in proptest::collection::vec(any_evidence(), 60),
    ) {
        let played = play(&search, |_, n| service[n].clone());
        check(&search, &played);
    }

    #[test]
    fn a_capacity_is_found_to_a_step(search in any_search(), place in 0.0..1.0_f64) {
        let search = Search { max_trials: 60, ..search };
        let limit = search.from.0 * (search.to.0 / search.from.0).powf(place);
        let played = play(&search, capacity(limit));
        check(&search, &played);
        prop_assert_eq!(played.ending.outcome, if limit >= search.to.0 { Outcome::AllPass } else { Outcome::Found });
        let answer = played.ending.answer.unwrap();
        prop_assert!(answer.0 <= limit);
        if let Some(boundary) = played.ending.boundary {
            prop_assert!(boundary.0 > limit);
        }
    }

    /// Noise near the capacity costs trials, not soundness: the answer is where the true share is near the tolerated one.
    #[test]
    fn a_noisy_service_is_not_overrated(seed in any::<u64>(), capacity in 5.0..200.0_f64) {
        let mut random = seed;
        let mut uniform = move || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 11) as f64 / (1_u64 << 53) as f64
        };
        let search = Search { max_trials: 60, ..search(1.0, 512.0, Levels::Real) };
        let played = play(&search, |level, _| {
            // The true share is the tolerated one at the capacity, and grows tenfold over a doubling.
            let share = 0.1 * (level / capacity).powf(3.3);
            let batches = (0..20).map(|_| {
                [REQUESTS, (0..REQUESTS).filter(|_| uniform() < share).count() as u64]
            });
            of_batches(batches.collect())
        });
        check(&search, &played);
        if let Some(answer) = played.ending.answer {
            prop_assert!(answer.0 < 1.1 * capacity, "{} of {capacity}", answer.0);
        }
    }

    #[test]
    fn the_next_step_depends_on_the_past_only(search in any_search(), service in proptest::collection::vec(any_evidence(), 60)) {
        let played = play(&search, |_, n| service[n].clone());
        let tried = played.tried();
        for (n, (level, purpose, _)) in played.trials.iter().enumerate() {
            let next = Next::Try { level: *level, purpose: *purpose };
            prop_assert_eq!(search.next(&tried[..n]), next);
        }
    }
}
