//! Whether the client measured the service or itself.

use super::super::Finding;
use super::super::VerdictStatus::{ClientBound, Suspect};
use super::super::facts::{EngineFacts, Facts};
use super::super::format::{ms, percent};
use super::graded;
use crate::{ClientPlacement, Load, StampSource};

/// Delivered / requested concurrency below which a trial is suspect, client-bound.
const DELIVERED: (f64, f64) = (0.995, 0.98);
/// p99 of sent − intended above which a trial is suspect.
const LATE_NS: u64 = 1_000_000;
/// p99 of sent − intended above which a trial is client-bound, if it is also above [`LATE_SHARE`].
const VERY_LATE_NS: u64 = 5_000_000;
/// As a share of the TTFT median.
const LATE_SHARE: f64 = 0.05;
/// p99 of the client's lag: suspect above both the time and the share of the ITL median.
const LAG: (u64, f64) = (1_000_000, 0.02);
/// The same, client-bound.
const LONG_LAG: (u64, f64) = (5_000_000, 0.10);
/// Longest loop gap: suspect, client-bound.
const LOOP_GAP_NS: (u64, u64) = (20_000_000, 100_000_000);
/// Share of the window in long loop gaps: client-bound.
const IN_LONG_GAPS: f64 = 0.01;
/// CPU share of the busiest engine thread: suspect, client-bound.
const CPU: (f64, f64) = (0.70, 0.90);
/// Gaps not known to a millisecond: suspect, client-bound.
const UNRESOLVED: (f64, f64) = (0.005, 0.05);
/// Reads without a usable stamp: suspect.
const BAD_STAMPS: f64 = 0.01;

/// As many requests were in flight as were asked for, apart from those whose client was thinking.
pub(super) fn delivered(facts: &Facts) -> Option<Finding> {
    let Load::Closed {
        concurrency,
        think_time_ns,
    } = facts.load
    else {
        return None;
    };
    let (delivered, residence) = (facts.delivered_mean?, facts.mean_residence_ns?);
    let cycle = residence + think_time_ns as f64;
    let requested = concurrency as f64 * if cycle > 0.0 { residence / cycle } else { 1.0 };
    let ratio = delivered / requested;
    let reason = |limit| {
        format!(
            "{delivered:.2} requests were in flight on average where {requested:.2} were asked for: {}, less than {}",
            percent(ratio),
            percent(limit),
        )
    };
    if ratio < DELIVERED.1 {
        Some(Finding::new(ClientBound, reason(DELIVERED.1)))
    } else if ratio < DELIVERED.0 {
        Some(Finding::new(Suspect, reason(DELIVERED.0)))
    } else {
        None
    }
}

/// The engine gave account of itself.
pub(super) fn reported(facts: &Facts) -> Option<Finding> {
    if facts.engine.is_some() {
        None
    } else {
        Some(Finding::new(Suspect, "the load engine did not report on itself"))
    }
}

/// Requests were sent when they were meant to be.
pub(super) fn lateness(facts: &Facts) -> Option<Finding> {
    let late = facts.engine.as_ref()?.lateness_p99?;
    let share_of_ttft = (LATE_SHARE * facts.ttft_p50.unwrap_or(0) as f64) as u64;
    let limit = VERY_LATE_NS.max(share_of_ttft);
    let reason = |limit| {
        let advice = advice_on_sleep(facts);
        format!(
            "p99 of sent − intended is {}, above {}{advice}",
            ms(late),
            ms(limit)
        )
    };
    if late > limit {
        Some(Finding::new(ClientBound, reason(limit)))
    } else if late > LATE_NS {
        Some(Finding::new(Suspect, reason(LATE_NS)))
    } else {
        None
    }
}

/// What may help where threads run late on cores that are free to sleep.
fn advice_on_sleep(facts: &Facts) -> &'static str {
    match &facts.engine {
        Some(engine) if !engine.kept_awake => "; its processors may sleep, see `workload.engine.keep_awake`",
        _ => "",
    }
}

/// The client read what arrived soon enough. Without a stream, the yardstick is the whole answer's duration.
pub(super) fn lag(facts: &Facts) -> Option<Finding> {
    let lag = facts.client_lag_p99?;
    let (median, what) = match (facts.itl_p50, facts.e2e_p50) {
        (Some(itl), _) => (itl, "ITL"),
        (None, Some(e2e)) => (e2e, "E2E"),
        (None, None) => return None,
    };
    let above = |(time, share): (u64, f64)| lag > time && lag as f64 > share * median as f64;
    let reason = |(time, share): (u64, f64)| {
        format!(
            "p99 of client_lag {} is above {} and {} of the {what} median ({}){}",
            ms(lag),
            ms(time),
            percent(share),
            ms(median),
            advice_on_sleep(facts)
        )
    };
    if above(LONG_LAG) {
        Some(Finding::new(ClientBound, reason(LONG_LAG)))
    } else if above(LAG) {
        Some(Finding::new(Suspect, reason(LAG)))
    } else {
        None
    }
}

/// The engine never looked away for long.
pub(super) fn longest_loop_gap(facts: &Facts) -> Option<Finding> {
    let gap = facts.engine.as_ref()?.longest_loop_gap?;
    let reason = |limit: f64| format!("the longest loop gap is {}, above {}", ms(gap), ms(limit as u64));
    graded(
        gap as f64,
        LOOP_GAP_NS.0 as f64,
        (LOOP_GAP_NS.1 as f64, ClientBound),
        reason,
    )
}

/// The engine did not look away often.
pub(super) fn time_in_long_gaps(facts: &Facts) -> Option<Finding> {
    let share = facts
        .engine
        .as_ref()?
        .long_gap_share
        .filter(|&share| share > IN_LONG_GAPS)?;
    let (share, limit) = (percent(share), percent(IN_LONG_GAPS));
    Some(Finding::new(
        ClientBound,
        format!("an engine thread spent {share} of the window in loop gaps over 10 ms, above {limit}"),
    ))
}

/// The engine had processor time to spare.
pub(super) fn cpu(facts: &Facts) -> Option<Finding> {
    let share = facts.engine.as_ref()?.busiest_cpu_share?;
    graded(share, CPU.0, (CPU.1, ClientBound), |limit| {
        format!(
            "the busiest engine thread used {} of a core, more than {}",
            percent(share),
            percent(limit)
        )
    })
}

/// Arrivals are known to a millisecond.
pub(super) fn unresolved_gaps(facts: &Facts) -> Option<Finding> {
    let share = facts.unresolved_share?;
    graded(share, UNRESOLVED.0, (UNRESOLVED.1, ClientBound), |limit| {
        format!(
            "{} of the gaps between chunks are not known to 1 ms, more than {}",
            percent(share),
            percent(limit)
        )
    })
}

/// Arrival times come from the kernel.
pub(super) fn stamps(facts: &Facts) -> Option<Finding> {
    let EngineFacts {
        stamps,
        bad_stamp_share,
        ..
    } = facts.engine.as_ref()?;
    if *stamps == StampSource::User {
        return Some(Finding::new(
            Suspect,
            "arrivals were stamped in user space: the kernel gave no receive stamps",
        ));
    }
    let share = bad_stamp_share.filter(|&share| share > BAD_STAMPS)?;
    let (share, limit) = (percent(share), percent(BAD_STAMPS));
    Some(Finding::new(
        Suspect,
        format!("{share} of the reads had no usable kernel stamp, more than {limit}"),
    ))
}

/// The clients took nothing away from the service.
pub(super) fn placement(facts: &Facts) -> Option<Finding> {
    match facts.placement {
        ClientPlacement::WithServers => {
            Some(Finding::new(Suspect, "the clients share nodes with the servers"))
        }
        ClientPlacement::Dedicated | ClientPlacement::OneMachine => None,
    }
}
