//! Intervals in a summary.

use serde::{Deserialize, Serialize};

use super::metric::seconds;
use crate::Distribution;
use crate::aggregate::TrialAggregate;
use crate::batches::{BATCHES, Batched};
use crate::interval::{Pooled, batches_are_long_enough, of_batch_means};

/// The bounds of an interval: the lower and the upper one.
pub type Bounds = [f64; 2];

/// Intervals of a metric's percentiles in seconds, meant to hold the true value 95 times in 100. An interval is `None`
/// where there are fewer than ten values beyond the percentile, or where a bound lies beyond the sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PercentileIntervals {
    /// What the intervals speak of, and how they were made.
    pub method: IntervalMethod,
    /// Of the median.
    pub p50: Option<Bounds>,
    /// Of the 90th percentile.
    pub p90: Option<Bounds>,
    /// Of the 95th percentile.
    pub p95: Option<Bounds>,
    /// Of the 99th percentile.
    pub p99: Option<Bounds>,
    /// Of the 99.9th percentile.
    pub p999: Option<Bounds>,
    /// Why there is no interval at all.
    pub null_because: Option<NoInterval>,
}

/// Intervals of the throughputs, meant to hold the true value 95 times in 100.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThroughputIntervals {
    /// What the intervals speak of, and how they were made.
    pub method: IntervalMethod,
    /// Of the successful completions per second.
    pub request_throughput: Option<Bounds>,
    /// Of the output tokens per second.
    pub output_token_throughput: Option<Bounds>,
    /// Why there is no interval at all.
    pub null_because: Option<NoInterval>,
}

/// What an interval speaks of, and how it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IntervalMethod {
    /// Of this run, from how the share beyond the percentile differs between time batches.
    #[serde(rename = "within-run, batch-robust")]
    BatchRobust,
    /// Of this run, from how the means of time batches differ.
    #[serde(rename = "within-run, batch means")]
    BatchMeans,
}

/// Why there is no interval at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoInterval {
    /// A twentieth of the window is shorter than two requests, so that batches depend on each other.
    BatchesTooShort,
    /// A client of an earlier version handed in no batches.
    BatchesMissing,
}

impl PercentileIntervals {
    /// The intervals of those percentiles that can be trusted; `None` for a metric without values.
    pub(super) fn of(
        distribution: &Distribution,
        batched: &Batched,
        long_enough: bool,
        trusted: impl Fn(f64) -> bool,
    ) -> Option<Self> {
        if distribution.is_empty() {
            return None;
        }
        let pooled = Pooled::new(batched);
        let null_because = if pooled.count() != distribution.count() {
            Some(NoInterval::BatchesMissing)
        } else if !long_enough {
            Some(NoInterval::BatchesTooShort)
        } else {
            None
        };
        let ordered = distribution.ordered();
        let interval = |q| {
            let ranks = pooled
                .interval(q)
                .filter(|_| null_because.is_none() && trusted(q))?;
            let bound = |rank| seconds(ordered.value_at_rank(rank));
            Some([bound(ranks.low)?, bound(ranks.high)?])
        };
        Some(Self {
            method: IntervalMethod::BatchRobust,
            p50: interval(0.5),
            p90: interval(0.9),
            p95: interval(0.95),
            p99: interval(0.99),
            p999: interval(0.999),
            null_because,
        })
    }
}

impl ThroughputIntervals {
    /// The intervals around a trial's throughputs; `None` if it has none.
    pub(super) fn of(aggregate: &TrialAggregate, long_enough: bool) -> Option<Self> {
        let (requests, tokens) = (aggregate.request_throughput()?, aggregate.token_throughput()?);
        let batch_seconds = aggregate.window_seconds()? / BATCHES as f64;
        let around = |mean: f64, batches: &[f64]| {
            let rates: Vec<f64> = batches.iter().map(|count| count / batch_seconds).collect();
            let half = of_batch_means(&rates).filter(|_| long_enough)?;
            Some([(mean - half).max(0.0), mean + half])
        };
        Some(Self {
            method: IntervalMethod::BatchMeans,
            request_throughput: around(requests, &aggregate.series.completions(BATCHES)),
            output_token_throughput: around(tokens, &aggregate.series.tokens(BATCHES)),
            null_because: (!long_enough).then_some(NoInterval::BatchesTooShort),
        })
    }
}

/// Whether the batches of every client are long enough for the trial's requests; without any that succeeded, no number
/// says so.
pub(super) fn long_enough(aggregate: &TrialAggregate) -> bool {
    let window = aggregate.shortest_window_ns();
    window
        .zip(aggregate.metrics.e2e.mean())
        .is_some_and(|(window, mean)| batches_are_long_enough(window, BATCHES, mean))
}
