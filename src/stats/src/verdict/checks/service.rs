//! What the service did, or did not do.

use super::super::Finding;
use super::super::VerdictStatus::{Invalid, Suspect};
use super::super::facts::{Cached, Facts};
use super::super::format::{percent, seconds};
use super::graded;

/// Share of failed requests that makes a trial invalid, where the recipe states none.
const FAILED: f64 = 0.01;
/// Deviation from the planned output length: suspect, invalid.
const OFF_PLAN: (f64, f64) = (0.01, 0.10);
/// Input tokens from a cache that nobody expected: suspect, invalid.
const CACHED: (f64, f64) = (0.02, 0.20);
/// Arrivals that had to queue because of `max_in_flight`: suspect, over capacity.
const QUEUED: (f64, f64) = (0.01, 0.10);

/// Something succeeded at all.
pub(super) fn success(facts: &Facts) -> Option<Finding> {
    (facts.ok == 0).then(|| {
        let reason = format!("none of {} requests in the window succeeded", facts.cohort);
        Finding::new(Invalid, reason)
    })
}

/// Something was generated at all.
pub(super) fn tokens(facts: &Facts) -> Option<Finding> {
    let nothing = facts.ok > 0 && facts.tokens_wanted && facts.output_tokens.unwrap_or(0) == 0;
    nothing.then(|| {
        let reason = format!("{} requests succeeded, but not one token was generated", facts.ok);
        Finding::new(Invalid, reason)
    })
}

/// Few enough requests failed.
pub(super) fn failures(facts: &Facts) -> Option<Finding> {
    let share = facts.failed_share?;
    let tolerance = facts.failed_tolerance.unwrap_or(FAILED);
    if share > tolerance {
        let reason = format!(
            "{} of the requests failed, more than the tolerated {}",
            percent(share),
            percent(tolerance)
        );
        return Some(Finding::new(Invalid, reason));
    }
    (share > 0.0).then(|| Finding::new(Suspect, format!("{} of the requests failed", percent(share))))
}

/// Outputs are as long as planned.
pub(super) fn output_length(facts: &Facts) -> Option<Finding> {
    graded(
        facts.off_plan_share?,
        OFF_PLAN.0,
        (OFF_PLAN.1, Invalid),
        |limit| {
            let off = percent(facts.off_plan_share.unwrap_or_default());
            format!(
                "output lengths are {off} off the plan, more than {}",
                percent(limit)
            )
        },
    )
}

/// The service did the work of reading the prompts, but for what they all begin with.
pub(super) fn cached_input(facts: &Facts) -> Option<Finding> {
    let Cached { share, shared } = facts.cached?;
    graded(share - shared, CACHED.0, (CACHED.1, Invalid), |limit| {
        let (share, limit) = (percent(share), percent(limit));
        if shared > 0.0 {
            format!(
                "{share} of the input tokens came from a cache, by more than {limit} above the {} that prompts were to share",
                percent(shared)
            )
        } else {
            format!(
                "{share} of the input tokens came from a cache, more than {limit}, though prompts were to differ"
            )
        }
    })
}

/// Nobody else used the service: by its requests, or by its tokens where it does not count those.
pub(super) fn foreign_requests(facts: &Facts) -> Option<Finding> {
    let more = |(counted, ours): (u64, u64)| counted.checked_sub(ours).filter(|&foreign| foreign > 0);
    let reason = match (facts.counted_and_sent, facts.tokens_counted_and_most) {
        (Some((counted, sent)), _) => more((counted, sent)).map(|foreign| {
            format!(
                "foreign requests: the service counted {counted}, {foreign} more than the {sent} that were sent to it"
            )
        }),
        (None, Some((counted, most))) => more((counted, most)).map(|foreign| {
            format!(
                "foreign requests: the service generated {counted} tokens, {foreign} more than the {most} that it was asked for at \
                 most"
            )
        }),
        (None, None) => None,
    };
    reason.map(|reason| Finding::new(Invalid, reason))
}

/// It was the service that answered.
pub(super) fn strangers(facts: &Facts) -> Option<Finding> {
    let (first, more) = facts.strangers.split_first()?;
    let more = if more.is_empty() {
        String::new()
    } else {
        format!(", and {} more times", more.len())
    };
    Some(Finding::new(
        Invalid,
        format!("it may not have been the service that answered: {first}{more}"),
    ))
}

/// The service's GPUs ran as fast as they can.
pub(super) fn throttled(facts: &Facts) -> Option<Finding> {
    let throttled = facts.throttled.iter().filter(|gpu| gpu.throttled_ns > 0);
    let longest = throttled.clone().max_by_key(|gpu| gpu.throttled_ns)?;
    let (node, gpu, time) = (&longest.node, longest.gpu, seconds(longest.throttled_ns));
    let reason = match throttled.count() {
        1 => format!("GPU {gpu} of {node} was throttled for {time} of the window"),
        n => {
            format!("{n} GPUs were throttled, GPU {gpu} of {node} for the longest time: {time} of the window")
        }
    };
    Some(Finding::new(Suspect, reason))
}

/// The service kept up with the schedule.
pub(super) fn over_capacity(facts: &Facts) -> Option<Finding> {
    let share = facts.engine.as_ref()?.queued_share?;
    graded(share, QUEUED.0, (QUEUED.1, Suspect), |limit| {
        let verdict = if limit > QUEUED.0 { "over capacity: " } else { "" };
        format!(
            "{verdict}{} of the requests had to wait for max_in_flight, more than {}",
            percent(share),
            percent(limit)
        )
    })
}
