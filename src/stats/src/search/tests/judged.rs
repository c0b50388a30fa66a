//! When a level passes, and when it fails.

use super::super::Judgement::{self, Fails, Passes, Unclear, Unusable};
use super::super::judge::judge;
use super::*;

const ALPHA: f64 = 0.05 / 16.0;

fn judgement(trials: &[&SloEvidence]) -> Judgement {
    judge(trials, ALPHA).judgement
}

#[test]
fn bounds_decide() {
    for (share, expected) in [
        (0.0, Passes),
        (0.05, Passes),
        (0.09, Unclear),
        (0.11, Unclear),
        (0.2, Fails),
    ] {
        assert_eq!(judgement(&[&evidence(share)]), expected, "{share}");
    }
}

#[test]
fn few_requests_never_pass() {
    let few = of_batches(vec![[2, 0]; 20]);
    assert_eq!(judgement(&[&few]), Unclear);
    // Three times as many are enough for a p90: nothing in 120.
    assert_eq!(judgement(&[&few, &few, &few]), Passes);
}

#[test]
fn failures_that_come_together_leave_it_open() {
    let burst = |share| {
        (0..20)
            .map(|i| if i == 7 { [100, share] } else { [100, 5] })
            .collect()
    };
    assert_eq!(judgement(&[&of_batches(burst(5))]), Passes);
    assert_eq!(judgement(&[&of_batches(burst(100))]), Unclear);
}

#[test]
fn an_objective_without_data_does_not_pass() {
    let mut trial = evidence(0.0);
    let unknown = Violations {
        tolerated: 0.01,
        independent: true,
        batches: Vec::new(),
    };
    trial.objectives.insert("tpot_p99".to_owned(), unknown);
    assert_eq!(judgement(&[&trial]), Unclear);
    trial.objectives.insert(
        "ttft_p90".to_owned(),
        evidence(0.5).objectives["ttft_p90"].clone(),
    );
    assert_eq!(judgement(&[&trial]), Fails, "one objective is enough");
    trial.objectives.clear();
    assert_eq!(judgement(&[&trial]), Unclear);
    assert_eq!(judgement(&[]), Unclear);
}

#[test]
fn batches_that_are_too_short_can_only_fail() {
    let mut short = evidence(0.0);
    let objective = |trial: &mut SloEvidence| {
        for violations in trial.objectives.values_mut() {
            violations.independent = false;
        }
    };
    objective(&mut short);
    assert_eq!(judgement(&[&short]), Unclear);
    let mut failing = evidence(0.9);
    objective(&mut failing);
    assert_eq!(judgement(&[&failing]), Fails);
}

#[test]
fn a_queue_with_a_trend_does_not_pass() {
    for queue in [QueueTrend::Trend, QueueTrend::Unknown] {
        let rising = |share| SloEvidence {
            queue,
            ..evidence(share)
        };
        let judged = judge(&[&rising(0.0)], ALPHA);
        assert_eq!(judged.judgement, Unclear);
        assert!(judged.because.is_some_and(|because| because.contains("trend")));
        assert_eq!(
            judgement(&[&rising(0.0), &evidence(0.0)]),
            Passes,
            "the last one counts"
        );
        assert_eq!(judgement(&[&rising(0.5)]), Fails);
    }
}

#[test]
fn what_says_nothing_is_left_out() {
    let nothing = SloEvidence::unusable("invalid: foreign requests");
    assert_eq!(judgement(&[&evidence(0.0), &nothing]), Unusable);
    assert_eq!(judgement(&[&nothing, &evidence(0.0)]), Passes);
}
