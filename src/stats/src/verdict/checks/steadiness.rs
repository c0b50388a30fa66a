//! Whether it matters when the numbers were taken.

use super::super::Finding;
use super::super::VerdictStatus::Suspect;
use super::super::facts::Facts;
use super::super::format::percent;
use crate::steady::{Observed, SteadyState, Unsteady};

/// The service was in a steady state.
pub(super) fn steady_state(facts: &Facts) -> Option<Finding> {
    if facts.unsteady.is_empty() {
        return None;
    }
    let causes: Vec<String> = facts.unsteady.iter().map(cause).collect();
    let outcome = match SteadyState::of(&facts.unsteady) {
        SteadyState::Undecided => "steady state undecided",
        SteadyState::None | SteadyState::Steady => "no steady state",
    };
    Some(Finding::new(Suspect, format!("{outcome}: {}", causes.join("; "))))
}

/// Changes are relative to the median, of which a fall may well be more than all.
fn cause(unsteady: &Unsteady) -> String {
    match *unsteady {
        Unsteady::Trend { what, drift } => {
            let direction = if drift > 0.0 { "rises" } else { "falls" };
            format!(
                "{} {direction} over the window, by {} of its median",
                name(what),
                percent(drift.abs())
            )
        }
        Unsteady::Shift { what, shift } => {
            let direction = if shift > 0.0 { "jumps" } else { "drops" };
            format!(
                "{} {direction} at one point, by {} of its median",
                name(what),
                percent(shift.abs())
            )
        }
        Unsteady::Wandering {
            what,
            autocorrelation,
        } => format!(
            "{} wanders (correlation of successive batches {autocorrelation:.2}, above 0.5)",
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
        Observed::Ttft => "TTFT",
        Observed::InFlight => "the number of requests in flight",
        Observed::Outstanding => "the number of outstanding requests",
    }
}
