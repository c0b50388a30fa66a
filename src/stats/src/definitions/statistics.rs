//! How a distribution is summarized.

use crate::Distribution;
use crate::distribution::rank;

use super::recomputed::{Absent, DefinedDistribution, Unit};

/// How many units of a rate per second a [`Distribution`] counts, which holds whole numbers.
pub(super) const RATE_STEPS: f64 = 1e6;

/// How a tool takes a quantile of n values in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantile {
    /// Between the two values around position q·(n − 1), counted from 0: `NumPy`'s default.
    Linear,
    /// The smallest value that a share of at least q does not exceed: the ⌈nq⌉-th.
    Inverse,
    /// The value at position ⌊n·q⌋, counted from 0: LoadGen's.
    Floor,
}

impl Quantile {
    fn of(self, values: &crate::distribution::Ordered, n: u64, q: f64) -> Option<f64> {
        match self {
            Self::Linear => {
                let position = q * (n.saturating_sub(1)) as f64;
                let below = values.value_at_rank(position as u64 + 1)? as f64;
                let above = values.value_at_rank((position as u64 + 2).min(n))? as f64;
                Some(below + position.fract() * (above - below))
            }
            Self::Inverse => values.value_at_rank(rank(n, q)).map(|value| value as f64),
            // In floating point, as LoadGen does it.
            Self::Floor => values
                .value_at_rank((n as f64 * q) as u64 + 1)
                .map(|value| value as f64),
        }
    }
}

/// A metric's name, unit, and the reason to give if it has no value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) if_empty: Absent,
}

/// Summarizes a distribution: of nanoseconds for times, of millionths for rates, else of whole numbers.
pub(super) fn summarize(metric: Metric, values: &Distribution, quantile: Quantile) -> DefinedDistribution {
    let scale = match metric.unit {
        Unit::Milliseconds => 1e6,
        Unit::Seconds => 1e9,
        Unit::RequestsPerSecond | Unit::TokensPerSecond => RATE_STEPS,
        Unit::Tokens | Unit::Requests => 1.0,
    };
    let n = values.count();
    let ordered = values.ordered();
    let at = |q| quantile.of(&ordered, n, q).map(|value| value / scale);
    DefinedDistribution {
        name: metric.name,
        unit: metric.unit,
        count: n,
        mean: values.mean().map(|mean| mean / scale),
        std: population_deviation(values).map(|deviation| deviation / scale),
        min: values.min().map(|min| min as f64 / scale),
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        max: values.max().map(|max| max as f64 / scale),
        absent: values.is_empty().then_some(metric.if_empty),
    }
}

/// The standard deviation divided by n.
fn population_deviation(values: &Distribution) -> Option<f64> {
    let n = values.count() as f64;
    match values.stddev() {
        Some(of_a_sample) => Some(of_a_sample * ((n - 1.0) / n).sqrt()),
        None => (!values.is_empty()).then_some(0.0),
    }
}
