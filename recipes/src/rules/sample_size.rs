//! Rules about how much data a trial gives.

use super::{Subject, in_workload};
use crate::code::Code;
use crate::problem::Problem;
use crate::recipe::{Load, Workload};

/// Fewer requests than this cannot be `valid`.
const LEAST_FOR_ANY_VERDICT: f64 = 30.0;
/// Fewer requests than this make a trial `suspect`: a p99 needs them.
const LEAST_FOR_P99: f64 = 1000.0;
/// A percentile needs so many requests beyond it.
const LEAST_BEYOND: f64 = 10.0;

/// The requests of the measured window, where the recipe alone decides their number.
pub(super) fn expected_requests(workload: &Workload) -> Option<f64> {
    if let Some(requests) = workload.requests {
        return Some(requests.get() as f64);
    }
    let seconds = workload.duration?.as_secs_f64();
    match &workload.load {
        Load::Constant { rate, .. } | Load::Poisson { rate, .. } | Load::Gamma { rate, .. } => {
            Some(rate.per_second() * seconds)
        }
        Load::Closed { .. } | Load::Ramp { .. } | Load::Trace { .. } => None,
    }
}

/// The key that decides how many requests there are.
pub(super) fn deciding_key(workload: &Workload) -> &'static str {
    if workload.requests.is_some() {
        "requests"
    } else {
        "duration"
    }
}

/// A verdict needs data.
pub(super) fn little_data(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(workload) = subject.workload else {
        return Vec::new();
    };
    let Some(expected) = expected_requests(workload).filter(|expected| *expected < LEAST_FOR_P99) else {
        return Vec::new();
    };
    let verdict = if expected < LEAST_FOR_ANY_VERDICT {
        "invalid"
    } else {
        "suspect"
    };
    let message = format!("a trial measures about {expected:.0} requests: its verdict will be `{verdict}`");
    let help = format!("measure at least {LEAST_FOR_P99} requests");
    vec![Problem::value(Code::LittleData, in_workload([deciding_key(workload)]), message).with_help(help)]
}

/// An objective needs requests beyond its percentile.
pub(super) fn slo_sample(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(workload) = subject.workload else {
        return Vec::new();
    };
    let Some(expected) = expected_requests(workload) else {
        return Vec::new();
    };
    let unsupported = workload
        .slo
        .0
        .keys()
        .filter(|target| expected * (1.0 - target.percentile.quantile()) < LEAST_BEYOND);
    unsupported
        .map(|target| {
            let needed = LEAST_BEYOND / (1.0 - target.percentile.quantile());
            let message =
                format!("{target} needs about {needed:.0} requests, a trial measures about {expected:.0}");
            Problem::key(
                Code::SloSample,
                in_workload(["slo", &target.to_string()]),
                message,
            )
        })
        .collect()
}
