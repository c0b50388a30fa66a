//! LoadGen's early stopping, server scenario: `loadgen/early_stopping.cc` and `PerformanceSummary::EarlyStopping` of
//! mlcommons/inference.
//!
//! Of n queries t took longer than the target. If only a share p of all queries kept the target, as few as t would exceed it
//! with the probability `I_p(n − t, t + 1)`; the run is successful if that is below 1 − c. Queries count as independent of each
//! other, which those of a service under load are not.

use crate::Distribution;
use crate::interval::beta_cdf;

/// p: the share of the queries that has to keep the target.
const SHARE: f64 = 0.99;
/// c: how surely.
const CONFIDENCE: f64 = 0.99;
/// d: by how much that share may be smaller all the same.
const TOLERANCE: f64 = 0.0;

/// Fewer queries than this are never successful, not even if all of them keep the target.
pub(super) const FEWEST_QUERIES: u64 = 459;

/// The lowest target with which the run is successful: the p99 that early stopping makes sure of. `None` with too few
/// queries.
pub(super) fn lowest_target(latencies: &Distribution) -> Option<u64> {
    let n = latencies.count();
    latencies.value_at_rank(n - most_over(n)?)
}

/// How many of n queries may take longer than the target.
fn most_over(n: u64) -> Option<u64> {
    let successful = |over: u64| {
        let by_chance = beta_cdf(SHARE - TOLERANCE, (n - over) as f64, (over + 1) as f64);
        by_chance < 1.0 - CONFIDENCE
    };
    if n < FEWEST_QUERIES {
        return None;
    }
    // Bisection: `low` is successful, `high` is not, since then no query kept the target.
    let (mut low, mut high) = (0, n);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if successful(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_over_the_target_is_as_published() {
        // MLPerf's rules ask for 662 queries where one is to be discarded.
        let most = [0, 458, 459, 661, 662].map(most_over);
        assert_eq!(most, [None, None, Some(0), Some(0), Some(1)]);
        // Of many, the share approaches one percent from below.
        let many = most_over(270_336).unwrap() as f64 / 270_336.0;
        assert!((0.0095..0.0097).contains(&many), "{many}");
    }

    #[test]
    fn the_target_is_the_greatest_that_is_left() {
        let mut latencies = Distribution::new();
        (1..=661).for_each(|latency| latencies.record(latency));
        assert_eq!(lowest_target(&latencies), Some(661));
        latencies.record(662);
        assert_eq!(lowest_target(&latencies), Some(661));
        assert_eq!(lowest_target(&Distribution::new()), None);
    }
}
