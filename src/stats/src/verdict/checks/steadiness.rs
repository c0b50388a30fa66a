//! Whether it matters when the numbers were taken.

use super::super::Finding;
use super::super::VerdictStatus::Suspect;
use super::super::facts::Facts;
use super::super::format::percent;
use crate::steady::{Observed, Unsteady};

/// The service was in a steady state.
pub(super) fn steady_state(facts: &Facts) -> Option<Finding> {
    if facts.unsteady.is_empty() {
        return None;
    }
    let causes: Vec<String> = facts.unsteady.iter().map(cause).collect();
    Some(Finding::new(
        Suspect,
        format!("no steady state: {}", causes.join("; ")),
    ))
}

fn cause(unsteady: &Unsteady) -> String {
    match *unsteady {
        Unsteady::Trend { what, drift } => {
            let direction = if drift > 0.0 { "rises" } else { "falls" };
            format!(
                "{} {direction} by {} over the window",
                name(what),
                percent(drift.abs())
            )
        }
        Unsteady::Shift { what, shift } => {
            let direction = if shift > 0.0 { "jumps" } else { "drops" };
            format!(
                "{} {direction} by {} at one point",
                name(what),
                percent(shift.abs())
            )
        }
        Unsteady::Wandering {
            what,
            autocorrelation,
        } => format!(
            "{} wanders (correlation of successive batches {autocorrelation:.2}), which leaves it undecided",
            name(what)
        ),
        Unsteady::TooShort {
            window_seconds,
            request_seconds,
        } => {
            format!("the window of {window_seconds:.2} s is too short for requests of {request_seconds:.2} s")
        }
    }
}

const fn name(what: Observed) -> &'static str {
    match what {
        Observed::Throughput => "throughput",
        Observed::Ttft => "the TTFT median",
        Observed::InFlight => "the number of requests in flight",
        Observed::Outstanding => "the number of outstanding requests",
    }
}
