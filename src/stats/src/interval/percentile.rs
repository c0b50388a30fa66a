//! The interval of a percentile.
//!
//! With `n_i` values in batch i, `c_i` of them above the percentile, and of both `n` and `p · n` in all batches, the
//! standard error of the share `p` by the ratio estimator over k batches (Cochran, Sampling Techniques, 1977, section 2.11) is
//!
//! ```text
//! SE² = k / (k − 1) · Σ(c_i − p·n_i)² / n²
//! ```
//!
//! and the interval's bounds are the values at the ranks ⌈n(q − t·SE)⌉ and ⌈n(q + t·SE)⌉.

use super::STUDENT_T;
use crate::batches::{Batched, FineCounts};
use crate::distribution::{exact_rank, rank};

/// An interval needs this many values beyond the percentile.
const FEWEST_BEYOND: f64 = 10.0;

/// All batches of a metric, and what they add up to.
pub(crate) struct Pooled<'a> {
    batched: &'a Batched,
    all: FineCounts,
    /// Numbers of values, by batch.
    counts: Vec<u64>,
    count: u64,
}

/// The ranks of an interval's bounds among all values, in ascending order from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ranks {
    pub(crate) low: u64,
    pub(crate) high: u64,
}

impl<'a> Pooled<'a> {
    pub(crate) fn new(batched: &'a Batched) -> Self {
        let mut all = FineCounts::default();
        for batch in batched.batches() {
            all.merge(batch);
        }
        let counts: Vec<u64> = batched.batches().iter().map(FineCounts::total).collect();
        Self {
            batched,
            all,
            count: counts.iter().sum(),
            counts,
        }
    }

    /// Number of values.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Where the bounds of the percentile's interval lie; `None` with fewer than ten values beyond the percentile, or
    /// if a bound is beyond the smallest or largest value.
    pub(crate) fn interval(&self, q: f64) -> Option<Ranks> {
        let n = self.count as f64;
        let middle = exact_rank(self.count, q);
        if n - middle < FEWEST_BEYOND {
            return None;
        }
        let half = n * STUDENT_T * self.standard_error(q)?;
        let (low, high) = ((middle - half).ceil(), (middle + half).ceil());
        (low >= 1.0 && high <= n).then_some(Ranks {
            low: low as u64,
            high: high as u64,
        })
    }

    /// Standard error of the share of values above the percentile.
    fn standard_error(&self, q: f64) -> Option<f64> {
        let n = self.count as f64;
        let beyond = self.count - rank(self.count, q);
        let bin = self.bin_with(beyond)?;
        let (above, within) = self.all.above_and_in(bin);
        // The bin holds values on both sides of the percentile; each batch is given the same share of its own.
        let share = (beyond - above) as f64 / within as f64;
        let p = beyond as f64 / n;
        let batches = self.batched.batches();
        let residuals = batches.iter().zip(&self.counts).map(|(batch, &count)| {
            let (above, within) = batch.above_and_in(bin);
            let exceeding = above as f64 + share * within as f64;
            (exceeding - p * count as f64).powi(2)
        });
        let k = batches.len() as f64;
        let between = k / (k - 1.0) * residuals.sum::<f64>();
        // What the bin hides: which of its values are above. It matters only where nearly all values are alike.
        let hidden = share * (1.0 - share) * within as f64;
        Some((between + hidden).sqrt() / n)
    }

    /// The bin that holds the value above which lie this many others.
    fn bin_with(&self, beyond: u64) -> Option<usize> {
        let mut above = 0;
        let mut from_the_top = self.all.bins().rev();
        let found = from_the_top.find(|(_, count)| {
            above += u64::from(*count);
            above > beyond
        });
        found.map(|(bin, _)| bin)
    }
}
