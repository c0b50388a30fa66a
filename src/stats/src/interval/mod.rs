//! How far a trial's own numbers can be trusted: intervals from the differences between time batches.
//!
//! They speak of the run that was measured and not of the next one: repetitions vary by more than the batches of one.

mod beta;
mod means;
mod percentile;
mod share;

#[cfg(test)]
mod tests;

pub(crate) use beta::beta_cdf;
pub(crate) use means::of_batch_means;
pub(crate) use percentile::Pooled;
pub(crate) use share::of_share;
pub use share::{Counted, ShareBounds};

use crate::batches::BATCHES;

/// The 97.5th percentile of Student's t with 19 degrees of freedom, one less than there are batches: intervals are to
/// hold the true value 95 times in 100.
const STUDENT_T: f64 = 2.093_024_054_408_263;
const _: () = assert!(BATCHES == 20, "the percentile of t belongs to 20 batches");

/// Batches have to be as long as this many requests on average, so that each is nearly independent of the one before.
const REQUESTS_IN_BATCH: f64 = 2.0;

/// Whether so many batches of a window are long enough for requests of this mean duration.
pub(crate) fn batches_are_long_enough(window_ns: u64, batches: usize, mean_e2e_ns: f64) -> bool {
    window_ns as f64 >= batches as f64 * REQUESTS_IN_BATCH * mean_e2e_ns
}
