//! Rules about a plan and the job that it runs in.

use super::place;
use crate::code::Code;
use crate::estimate::{estimate, in_words};
use crate::plan::{Plan, Window, WorkloadPlan};
use crate::problem::Problem;
use crate::recipe::{LaunchMode, OnTimeLimit};
use crate::units::TimeLimit;

/// The time limit that the recipe gives its job; a site's is not known here.
fn time_limit(plan: &Plan) -> Option<TimeLimit> {
    let limit = plan.launch.time_limit.as_ref();
    limit
        .filter(|_| plan.launch.mode == LaunchMode::Slurm)
        .and_then(|text| text.parse().ok())
}

/// Seconds from a job's start until it winds down.
fn usable(plan: &Plan, limit: TimeLimit) -> f64 {
    let seconds = u64::from(limit.seconds());
    seconds.saturating_sub(plan.launch.winds_down(limit)) as f64
}

/// The trials take no longer than the job may last, with all of its starts.
pub(super) fn length(plan: &Plan) -> Vec<Problem> {
    let Some(limit) = time_limit(plan) else {
        return Vec::new();
    };
    let starts = match plan.launch.on_time_limit {
        OnTimeLimit::Stop => 1,
        OnTimeLimit::Requeue | OnTimeLimit::Resubmit => plan.launch.max_epochs.get(),
    };
    let there = usable(plan, limit) * f64::from(starts);
    let needed = estimate(plan).seconds;
    if needed <= there {
        return Vec::new();
    }
    let times = match starts {
        1 => String::new(),
        more => format!(" in each of {more} job starts"),
    };
    let message = format!(
        "the trials take about {} and the time to start services; there is room for {}{times}",
        in_words(needed),
        in_words(usable(plan, limit))
    );
    let help = "raise `time_limit`, or let the run go on in another job: on_time_limit: requeue".to_owned();
    vec![Problem::value(Code::TimeLimit, place(["launch", "time_limit"]), message).with_help(help)]
}

/// Each trial fits into the job.
pub(super) fn longest_trial(plan: &Plan) -> Vec<Problem> {
    let Some(limit) = time_limit(plan) else {
        return Vec::new();
    };
    let seconds = |workload: &WorkloadPlan| match workload.window {
        Window::Duration(window) => workload.warmup.as_secs_f64() + window.as_secs_f64(),
        Window::Requests(_) => workload.warmup.as_secs_f64(),
    };
    let longest = plan.workloads().map(seconds).fold(0.0, f64::max);
    let there = usable(plan, limit);
    if longest < there {
        return Vec::new();
    }
    let message = format!(
        "a trial takes {}, and the job winds down after {}: it would never end",
        in_words(longest),
        in_words(there)
    );
    let help = "raise `time_limit`, or shorten `workload.duration`".to_owned();
    vec![Problem::value(Code::TrialLength, place(["launch", "time_limit"]), message).with_help(help)]
}
