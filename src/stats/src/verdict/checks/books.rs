//! Whether there is enough data, and whether it adds up.

use super::super::Finding;
use super::super::VerdictStatus::{Invalid, Suspect};
use super::super::facts::Facts;
use super::super::format::percent;
use super::graded;
use crate::aggregate::InFlightTwice;

/// Fewer requests than this say little about a p99.
const COHORT_FOR_P99: u64 = 1_000;
/// Fewer requests than this say nothing.
const SMALLEST_COHORT: u64 = 30;
/// Largest disagreement with Little's law, besides what the window's edges explain: suspect.
const LITTLE_SUSPECT: f64 = 0.02;
/// The same, invalid; never less than what makes a trial suspect.
const LITTLE_INVALID: f64 = 0.10;
/// Largest disagreement of the records with the engine's own count of what was in flight: suspect. Both are whole
/// nanoseconds from the same instants, and agree unless a record is lost, doubled or wrong.
const COUNT_SUSPECT: f64 = 0.0001;
/// The same, invalid.
const COUNT_INVALID: f64 = 0.01;

/// There are enough requests.
pub(super) fn cohort_size(facts: &Facts) -> Option<Finding> {
    let cohort = facts.cohort;
    if cohort < SMALLEST_COHORT {
        let reason = format!("the window has {cohort} requests, fewer than {SMALLEST_COHORT}");
        return Some(Finding::new(Invalid, reason));
    }
    (cohort < COHORT_FOR_P99).then(|| {
        Finding::new(
            Suspect,
            format!("the window has {cohort} requests, fewer than the {COHORT_FOR_P99} that a p99 takes"),
        )
    })
}

/// All nodes took part that were asked for.
pub(super) fn lost_nodes(facts: &Facts) -> Option<Finding> {
    let lost = &facts.lost_nodes;
    (!lost.is_empty()).then(|| Finding::new(Suspect, format!("measured without {}: lost", lost.join(", "))))
}

/// Requests in flight, their rate and their duration agree.
pub(super) fn little(facts: &Facts) -> Option<Finding> {
    let little = facts.little?;
    let (l, lambda_w) = (little.in_flight, little.rate_times_residence);
    let suspect = LITTLE_SUSPECT + little.edge;
    let invalid = LITTLE_INVALID.max(suspect);
    let off = (l - lambda_w).abs() / l;
    graded(off, suspect, (invalid, Invalid), |limit| {
        format!(
            "Little's law is off by {}, more than {}: {l:.2} requests in flight, but rate times duration gives {lambda_w:.2}",
            percent(off),
            percent(limit),
        )
    })
}

/// The records have the requests that the engine had, from its sends to their ends.
pub(super) fn in_flight(facts: &Facts) -> Option<Finding> {
    let InFlightTwice { recorded, counted } = facts.in_flight?;
    let most = recorded.max(counted);
    if most <= 0.0 {
        return None;
    }
    let off = (recorded - counted).abs() / most;
    graded(off, COUNT_SUSPECT, (COUNT_INVALID, Invalid), |limit| {
        format!(
            "the records are off by {}, more than {}: {recorded:.3} requests in flight, but the engine counted {counted:.3}",
            percent(off),
            percent(limit),
        )
    })
}
