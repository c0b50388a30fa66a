//! One distribution in ten numbers, and how far they can be trusted.

use serde::{Deserialize, Serialize};

use super::PercentileIntervals;
use crate::Distribution;

/// Nanoseconds in a second.
pub(crate) const NANOSECONDS: f64 = 1e9;

/// A distribution in seconds. Everything but the count is `None` where there is no data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricSummary {
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Standard deviation of the sample.
    pub stddev: Option<f64>,
    /// Smallest value.
    pub min: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// The 90th percentile, a value of the sample like all of them.
    pub p90: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// The 99.9th percentile.
    pub p999: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// Number of values.
    pub count: u64,
    /// Intervals of the percentiles; `None` where there is no data, and for what the client says about itself.
    #[serde(default)]
    pub interval: Option<PercentileIntervals>,
}

impl MetricSummary {
    /// The distribution in seconds.
    pub fn of(distribution: &Distribution) -> Self {
        Self::with_quantiles(distribution, |_| true)
    }

    /// The distribution, but only those quantiles that can be trusted.
    pub(super) fn with_quantiles(distribution: &Distribution, trusted: impl Fn(f64) -> bool) -> Self {
        let ordered = distribution.ordered();
        let quantile = |q| seconds(ordered.quantile(q).filter(|_| trusted(q)));
        Self {
            mean: distribution.mean().map(|mean| mean / NANOSECONDS),
            stddev: distribution.stddev().map(|stddev| stddev / NANOSECONDS),
            min: seconds(distribution.min()),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: seconds(distribution.max()),
            count: distribution.count(),
            interval: None,
        }
    }
}

/// Nanoseconds as seconds.
pub(super) fn seconds(nanoseconds: Option<u64>) -> Option<f64> {
    nanoseconds.map(|value| value as f64 / NANOSECONDS)
}
