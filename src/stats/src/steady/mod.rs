//! Whether the service was in a steady state while it was measured.
//!
//! The window is cut into equal batches. Throughput, the median time to the first token and the number of requests in
//! flight are looked at batch by batch: a trend, a level shift, or a slow wandering that is large enough to matter,
//! and the trial's numbers depend on when they were taken.

mod autocorrelation;
mod level_shift;
mod normal;
mod series;
mod trend;

#[cfg(test)]
mod tests;

pub(crate) use series::BatchSeries;

use serde::{Deserialize, Serialize};

use crate::Load;

/// Significance below which a trend or a shift is taken for real.
const SIGNIFICANCE: f64 = 0.01;
/// Drift over the window, relative to the median, that matters.
const DRIFT: f64 = 0.05;
/// Shift of the mean, relative to the median, that matters.
const SHIFT: f64 = 0.10;
/// Correlation of a batch with its successor above which the tests' assumption of independence is gone.
const AUTOCORRELATION: f64 = 0.5;
/// Standard deviation of the batches, relative to their median, below which correlation does not matter: what wanders
/// less than this is steadier than the drift that is tolerated.
const WANDERING: f64 = 0.05;

/// Whether it matters when in the window a trial's numbers were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SteadyState {
    /// No sign of a change.
    Steady,
    /// A trend or a level shift: there was no steady state.
    None,
    /// The window is too short, or the batches depend on each other, to tell.
    Undecided,
}

/// What keeps a trial from being steady.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Unsteady {
    /// It rises or falls by this share of the median over the window.
    Trend { what: Observed, drift: f64 },
    /// Its mean changes by this share of the median.
    Shift { what: Observed, shift: f64 },
    /// It wanders too slowly for the window.
    Wandering { what: Observed, autocorrelation: f64 },
    /// The window is too short for the requests.
    TooShort {
        window_seconds: f64,
        request_seconds: f64,
    },
}

impl SteadyState {
    /// The name used in summaries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::None => "none",
            Self::Undecided => "undecided",
        }
    }

    /// What the findings amount to.
    pub(crate) fn of(unsteady: &[Unsteady]) -> Self {
        let is_change = |found: &Unsteady| matches!(found, Unsteady::Trend { .. } | Unsteady::Shift { .. });
        if unsteady.iter().any(is_change) {
            Self::None
        } else if unsteady.is_empty() {
            Self::Steady
        } else {
            Self::Undecided
        }
    }
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Observed {
    /// Output tokens per second; without tokens, completions.
    Throughput,
    /// The median time to the first token; under an open load, from the schedule.
    Ttft,
    /// Requests sent and not finished.
    InFlight,
    /// Requests due and not finished: the queue before the service and the one in it.
    Outstanding,
}

/// Looks for what keeps the trial from being steady. `residence_ns` is a request's mean time in flight.
pub(crate) fn examine(series: &BatchSeries, load: Load, window_ns: u64, residence_ns: f64) -> Vec<Unsteady> {
    let Some(batches) = series::batches(window_ns, residence_ns) else {
        let (window_seconds, request_seconds) = (window_ns as f64 / 1e9, residence_ns / 1e9);
        return vec![Unsteady::TooShort {
            window_seconds,
            request_seconds,
        }];
    };
    let waiting = match load {
        Load::Closed { .. } => Observed::InFlight,
        Load::Open => Observed::Outstanding,
    };
    let observed = [Observed::Throughput, Observed::Ttft, waiting];
    observed
        .into_iter()
        .filter_map(|what| unsteady(what, &series.values(what, batches)))
        .collect()
}

/// What keeps one series from being steady; a series with hardly any values says nothing.
fn unsteady(what: Observed, values: &[f64]) -> Option<Unsteady> {
    let median = median(values).filter(|&median| median > 0.0 && values.len() >= series::FEWEST_BATCHES)?;
    let drift = trend::theil_sen(values) * (values.len() - 1) as f64 / median;
    if drift.abs() > DRIFT && trend::mann_kendall(values) < SIGNIFICANCE {
        return Some(Unsteady::Trend { what, drift });
    }
    let shift = level_shift::largest(values);
    if shift.size.abs() / median > SHIFT && shift.p < SIGNIFICANCE {
        return Some(Unsteady::Shift {
            what,
            shift: shift.size / median,
        });
    }
    let autocorrelation = autocorrelation::lag_one(values)?;
    let matters = autocorrelation::standard_deviation(values) > WANDERING * median;
    (matters && autocorrelation > AUTOCORRELATION).then_some(Unsteady::Wandering {
        what,
        autocorrelation,
    })
}

/// The middle value, or the mean of the two.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len().is_multiple_of(2) {
        return Some(f64::midpoint(*sorted.get(sorted.len() / 2 - 1)?, upper));
    }
    Some(upper)
}
