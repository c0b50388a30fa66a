//! A mergeable distribution of durations.

mod ordered;
mod wire;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use hdrhistogram::Histogram;

pub(crate) use ordered::Ordered;
pub use wire::DistributionError;

/// Significant digits of the histogram: a quantile is off by less than 0.01 %.
const SIGNIFICANT_DIGITS: u8 = 4;

/// Quantiles are known in steps of one millionth, which keeps their ranks exact.
const QUANTILE_STEPS: u128 = 1_000_000;

/// A distribution of durations in nanoseconds.
///
/// Count, sum, mean, standard deviation, minimum and maximum are exact. A quantile is the ⌈nq⌉-th smallest value to
/// within 0.01 %. Merging two distributions gives exactly the distribution of all their values.
#[derive(Debug, Clone)]
pub struct Distribution {
    histogram: Histogram<u64>,
    sum: u128,
    /// A thousand seconds a billion times, squared and added up, stays far below the limit.
    sum_of_squares: u128,
    min: u64,
    max: u64,
}

impl Default for Distribution {
    fn default() -> Self {
        Self::new()
    }
}

impl Distribution {
    /// An empty distribution.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "four digits are always accepted"
    )]
    pub fn new() -> Self {
        let histogram = Histogram::new(SIGNIFICANT_DIGITS).expect("a valid precision");
        Self {
            histogram,
            sum: 0,
            sum_of_squares: 0,
            min: u64::MAX,
            max: 0,
        }
    }

    /// Adds one duration.
    pub fn record(&mut self, nanoseconds: u64) {
        self.record_times(nanoseconds, 1);
    }

    /// Adds the same duration several times.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the histogram grows as far as it has to"
    )]
    pub fn record_times(&mut self, nanoseconds: u64, times: u64) {
        if times == 0 {
            return;
        }
        self.histogram
            .record_n(nanoseconds, times)
            .expect("a histogram of all 64 bits");
        let (value, weight) = (u128::from(nanoseconds), u128::from(times));
        self.sum += value * weight;
        self.sum_of_squares = self
            .sum_of_squares
            .saturating_add((value * value).saturating_mul(weight));
        self.min = self.min.min(nanoseconds);
        self.max = self.max.max(nanoseconds);
    }

    /// Adds the time from one instant to another. A negative time, which only a wrong stamp can bring about, counts
    /// as zero.
    pub fn record_between(&mut self, from: i64, to: i64) {
        self.record(u64::try_from(to.saturating_sub(from)).unwrap_or(0));
    }

    /// Adds everything that the other distribution holds.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the histogram grows as far as it has to"
    )]
    pub fn merge(&mut self, other: &Self) {
        self.histogram
            .add(&other.histogram)
            .expect("histograms of the same shape");
        self.sum += other.sum;
        self.sum_of_squares = self.sum_of_squares.saturating_add(other.sum_of_squares);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Smallest value.
    pub fn min(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min)
    }

    /// Largest value.
    pub fn max(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max)
    }

    /// Arithmetic mean.
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum as f64 / self.count() as f64)
    }

    /// Standard deviation of the sample (divided by n − 1); `None` for fewer than two values.
    pub fn stddev(&self) -> Option<f64> {
        let n = u128::from(self.count());
        if n < 2 {
            return None;
        }
        // Σ(x − mean)² = (n·Σx² − (Σx)²) / n, in integers as long as they fit: the difference cancels in floats.
        let exact = n
            .checked_mul(self.sum_of_squares)
            .zip(self.sum.checked_mul(self.sum));
        let n_times_squares = match exact {
            Some((a, b)) => a.saturating_sub(b) as f64,
            None => n as f64 * self.sum_of_squares as f64 - self.sum as f64 * self.sum as f64,
        };
        Some((n_times_squares.max(0.0) / n as f64 / (n - 1) as f64).sqrt())
    }

    /// The ⌈nq⌉-th smallest value; `q` from 0 to 1 in steps of one millionth. `None` when there is no value.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        self.value_at_rank(rank(self.count(), q))
    }

    /// The value with this position in the ascending order, from 1. `None` when there are fewer values.
    pub fn value_at_rank(&self, rank: u64) -> Option<u64> {
        self.ordered().value_at_rank(rank)
    }
}

impl PartialEq for Distribution {
    /// Equal contents; how far the histograms have grown does not matter.
    fn eq(&self, other: &Self) -> bool {
        (self.sum, self.sum_of_squares, self.min, self.max)
            == (other.sum, other.sum_of_squares, other.min, other.max)
            && self.histogram.iter_recorded().eq(other.histogram.iter_recorded())
    }
}

/// The rank ⌈nq⌉ of a quantile among `n` values, at least 1. `q` counts in millionths: in plain floating point
/// 100 × 0.55 is more than 55.
pub fn rank(n: u64, q: f64) -> u64 {
    let rank = (u128::from(n) * millionths(q)).div_ceil(QUANTILE_STEPS);
    u64::try_from(rank).unwrap_or(n).max(1)
}

/// The position nq of a quantile among `n` values before it is rounded up to a rank; exact where it is whole.
pub(crate) fn exact_rank(n: u64, q: f64) -> f64 {
    (u128::from(n) * millionths(q)) as f64 / QUANTILE_STEPS as f64
}

/// Compares part / whole with 1 − q, the share that lies above a quantile.
pub(crate) fn compare_with_tail(part: u64, whole: u64, q: f64) -> Ordering {
    let tail = u128::from(whole) * (QUANTILE_STEPS - millionths(q));
    (u128::from(part) * QUANTILE_STEPS).cmp(&tail)
}

fn millionths(q: f64) -> u128 {
    (q.clamp(0.0, 1.0) * QUANTILE_STEPS as f64).round() as u128
}
