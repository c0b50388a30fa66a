//! The checks, one for each way in which a trial can mislead. Each is a function of the facts alone.

mod books;
mod client;
mod service;
mod steadiness;

use super::Finding;
use super::VerdictStatus::{self, Suspect};
use super::facts::Facts;

/// One check: `None` if it passes, or if there is nothing to judge by.
pub(super) type Check = fn(&Facts) -> Option<Finding>;

/// All checks, in the order in which they are told.
pub(super) fn all() -> impl Iterator<Item = &'static Check> {
    OF_FAILURES.iter().chain(of_a_searched_level())
}

/// All but those of failed requests.
pub(super) fn of_a_searched_level() -> impl Iterator<Item = &'static Check> {
    OF_THE_TRIAL
        .iter()
        .chain(OF_THE_CLIENT)
        .chain(&[client::placement as Check])
}

/// The checks of how many requests failed.
const OF_FAILURES: &[Check] = &[service::success, service::failures];

/// The checks of what the service did otherwise, and of our own books.
const OF_THE_TRIAL: &[Check] = &[
    service::tokens,
    service::output_length,
    service::cached_input,
    service::foreign_requests,
    service::strangers,
    books::lost_nodes,
    service::over_capacity,
    service::throttled,
    books::cohort_size,
    books::little,
    books::in_flight,
    steadiness::steady_state,
];

/// The checks that ask whether the client measured the service or itself, wherever it runs.
pub(super) const OF_THE_CLIENT: &[Check] = &[
    client::delivered,
    client::reported,
    client::lateness,
    client::lag,
    client::longest_loop_gap,
    client::time_in_long_gaps,
    client::cpu,
    client::unresolved_gaps,
    client::stamps,
];

/// Suspect above the first limit, worse above the second; says so with the number and the limit that it is above.
fn graded(
    value: f64,
    suspect: f64,
    (limit, worse): (f64, VerdictStatus),
    reason: impl Fn(f64) -> String,
) -> Option<Finding> {
    if value > limit {
        Some(Finding::new(worse, reason(limit)))
    } else if value > suspect {
        Some(Finding::new(Suspect, reason(suspect)))
    } else {
        None
    }
}
