//! What a search does, step by step.

use super::super::Outcome;
use super::super::Purpose::{Bisect, Confirm, Grow, LookAbove, Repeat, StepDown};
use super::*;

#[test]
fn a_known_capacity_is_found() {
    let played = play(&search(1.0, 64.0, Levels::Whole), capacity(10.0));
    let steps = [
        (1.0, Grow),
        (2.0, Grow),
        (4.0, Grow),
        (8.0, Grow),
        (16.0, Grow),
        (32.0, LookAbove),
        (11.0, Bisect),
        (9.0, Bisect),
        (10.0, Bisect),
        (10.0, Confirm),
    ];
    assert_eq!(played.steps(), steps);
    let expected = Ending {
        outcome: Outcome::Found,
        answer: Some(Level(10.0)),
        boundary: Some(Level(11.0)),
        highest_pass: Some(Level(10.0)),
        reason: None,
    };
    assert_eq!(played.ending, expected);
}

#[test]
fn a_service_that_bears_everything_is_confirmed_at_the_highest_level() {
    let played = play(&search(10.0, 30.0, Levels::Real), capacity(1e9));
    assert_eq!(
        played.steps(),
        [(10.0, Grow), (20.0, Grow), (30.0, Grow), (30.0, Confirm)]
    );
    assert_eq!(
        (played.ending.outcome, played.ending.answer),
        (Outcome::AllPass, Some(Level(30.0)))
    );
    assert_eq!(played.ending.boundary, None);
}

#[test]
fn a_service_that_bears_nothing_has_no_answer() {
    let played = play(&search(10.0, 30.0, Levels::Real), capacity(1.0));
    assert_eq!(played.steps(), [(10.0, Grow), (20.0, LookAbove)]);
    assert_eq!(
        (played.ending.outcome, played.ending.answer),
        (Outcome::NonePasses, None)
    );
    assert_eq!(played.ending.boundary, Some(Level(10.0)));
}

#[test]
fn what_is_not_confirmed_is_followed_by_a_step_down() {
    let mut answered = 0;
    let played = play(&search(1.0, 64.0, Levels::Whole), |level, _| {
        answered += u32::from((9.9..=10.1).contains(&level));
        // Good luck at 10 the first time only.
        let passes = level < 10.0 || level < 11.0 && answered == 1;
        evidence(if passes { 0.0 } else { 0.5 })
    });
    let steps = played.steps();
    assert_eq!(
        steps[steps.len() - 3..],
        [(10.0, Bisect), (10.0, Confirm), (9.0, Confirm)]
    );
    assert_eq!(
        (played.ending.outcome, played.ending.answer),
        (Outcome::Found, Some(Level(9.0)))
    );
    assert_eq!(played.ending.boundary, Some(Level(10.0)));
}

#[test]
fn a_step_down_is_smaller_than_the_way_to_the_next_level_that_passed() {
    let mut trials = 0;
    let played = play(&search(100.0, 200.0, Levels::Real), |_, _| {
        trials += 1;
        evidence(if trials == 3 { 0.5 } else { 0.0 })
    });
    // 100 and 200 pass, 200 is not confirmed.
    let steps = [(100.0, Grow), (200.0, Grow), (200.0, Confirm), (191.0, StepDown)];
    assert_eq!(played.steps(), steps);
    assert_eq!(played.ending.answer, Some(Level(191.0)));
}

#[test]
fn an_unclear_level_is_measured_three_times_more() {
    let played = play(&search(1.0, 2.0, Levels::Whole), |level, _| {
        evidence(if level < 2.0 { 0.0 } else { 0.1 })
    });
    let steps = [
        (1.0, Grow),
        (2.0, Grow),
        (2.0, Repeat),
        (2.0, Repeat),
        (2.0, Repeat),
        (1.0, Confirm),
    ];
    assert_eq!(played.steps(), steps);
    assert_eq!(played.ending.answer, Some(Level(1.0)));
    let search = search(1.0, 2.0, Levels::Whole);
    let rounds = search.rounds(&played.tried());
    let said: Vec<_> = rounds
        .iter()
        .map(|round| (round.trials, round.judged.judgement.as_str()))
        .collect();
    assert_eq!(said, [(1, "passes"), (4, "undecided"), (1, "passes")]);
}

#[test]
fn repetitions_add_up() {
    // 8 % of 2,000 requests are too few to be sure; of 4,000 they may be enough.
    let played = play(&search(1.0, 1.5, Levels::Real), |_, n| {
        evidence(if n == 0 { 0.09 } else { 0.06 })
    });
    assert_eq!(played.steps()[1], (1.0, Repeat));
    assert_eq!(played.ending.outcome, Outcome::AllPass);
}

#[test]
fn a_pass_above_a_failure_is_told() {
    // Something else than the load went wrong at 4.
    let played = play(&search(1.0, 64.0, Levels::Whole), |level, _| {
        evidence(if level > 3.5 && level < 4.5 || level > 20.0 {
            0.5
        } else {
            0.0
        })
    });
    assert_eq!(played.steps()[3], (8.0, LookAbove));
    assert_eq!(played.ending.outcome, Outcome::NonMonotone);
    assert_eq!(
        (played.ending.answer, played.ending.boundary),
        (Some(Level(3.0)), Some(Level(4.0)))
    );
}

#[test]
fn what_says_nothing_is_repeated_and_ends_the_search_in_the_end() {
    let slow_client = || SloEvidence::unusable("client-bound: too slow");
    let search = search(1.0, 64.0, Levels::Whole);
    let once = play(&search, |level, n| {
        if n == 1 {
            slow_client()
        } else {
            capacity(10.0)(level, n)
        }
    });
    assert_eq!(once.steps()[1..4], [(2.0, Grow), (2.0, Repeat), (4.0, Grow)]);
    assert_eq!(once.ending.answer, Some(Level(10.0)));

    let often = play(
        &search,
        |level, _| if level > 5.0 { slow_client() } else { evidence(0.0) },
    );
    assert_eq!(
        often.steps()[3..],
        [(8.0, Grow), (8.0, Repeat), (8.0, Repeat), (8.0, Repeat)]
    );
    let ending = &often.ending;
    assert_eq!((ending.outcome, ending.answer), (Outcome::ClientLimit, None));
    assert_eq!(ending.highest_pass, Some(Level(4.0)));
    assert_eq!(ending.reason.as_deref(), Some("client-bound: too slow"));
}

#[test]
fn a_client_that_is_too_slow_above_a_failure_is_of_no_importance() {
    let played = play(&search(1.0, 64.0, Levels::Whole), |level, n| {
        if level > 20.0 {
            SloEvidence::unusable("client-bound")
        } else {
            capacity(10.0)(level, n)
        }
    });
    assert_eq!(
        (played.ending.outcome, played.ending.answer),
        (Outcome::Found, Some(Level(10.0)))
    );
}

#[test]
fn a_search_without_trials_left_is_undecided() {
    let search = Search {
        max_trials: 4,
        ..search(1.0, 64.0, Levels::Whole)
    };
    let played = play(&search, capacity(10.0));
    assert_eq!(played.trials.len(), 4);
    assert_eq!(
        (played.ending.outcome, played.ending.answer),
        (Outcome::Undecided, None)
    );
    assert_eq!(played.ending.highest_pass, Some(Level(8.0)));
}
