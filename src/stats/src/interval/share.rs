//! Bounds of a share, such as that of the requests that miss a limit.
//!
//! With `n_i` values in batch i, `c_i` of them counted, and of both `n` and `p · n` in all `k` batches, the standard error of
//! `p` by the ratio estimator is as for percentiles; Student's t has k − 1 degrees of freedom. Values that are independent
//! of each other are the best case: where the batches happen to agree better than that, the exact bounds of a binomial share
//! (Clopper and Pearson, 1934) hold.

use serde::{Deserialize, Serialize};

use super::beta::{beta_quantile, student_t};

/// What a batch holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 2]", into = "[u64; 2]")]
pub struct Counted {
    /// Values.
    pub all: u64,
    /// Those of them that are counted.
    pub counted: u64,
}

impl From<[u64; 2]> for Counted {
    fn from([all, counted]: [u64; 2]) -> Self {
        Self { all, counted }
    }
}

impl From<Counted> for [u64; 2] {
    fn from(Counted { all, counted }: Counted) -> Self {
        [all, counted]
    }
}

impl Counted {
    pub(crate) fn record(&mut self, counts: bool) {
        self.all += 1;
        self.counted += u64::from(counts);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.all += other.all;
        self.counted += other.counted;
    }
}

/// A share, and between which bounds the true one lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShareBounds {
    /// The share that was measured.
    pub share: f64,
    /// The true one is below this with a probability of at most alpha.
    pub lower: f64,
    /// The true one is above this with a probability of at most alpha.
    pub upper: f64,
}

/// The share over all batches with its bounds, each wrong with a probability of at most `alpha`; `None` without any value,
/// or with fewer than two batches.
pub(crate) fn of_share(batches: &[Counted], alpha: f64) -> Option<ShareBounds> {
    let mut total = Counted::default();
    for batch in batches {
        total.merge(batch);
    }
    if total.all == 0 || batches.len() < 2 {
        return None;
    }
    let (n, c, k) = (total.all as f64, total.counted as f64, batches.len() as f64);
    let share = c / n;
    let residual = |batch: &Counted| (batch.counted as f64 - share * batch.all as f64).powi(2);
    let between = k / (k - 1.0) * batches.iter().map(residual).sum::<f64>();
    let half = student_t(alpha, k - 1.0) * between.sqrt() / n;
    let binomial_lower = if total.counted == 0 {
        0.0
    } else {
        beta_quantile(alpha, c, n - c + 1.0)
    };
    let binomial_upper = if total.counted == total.all {
        1.0
    } else {
        beta_quantile(1.0 - alpha, c + 1.0, n - c)
    };
    Some(ShareBounds {
        share,
        lower: (share - half).max(0.0).min(binomial_lower),
        upper: (share + half).min(1.0).max(binomial_upper),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(counts: impl IntoIterator<Item = [u64; 2]>) -> Vec<Counted> {
        counts.into_iter().map(Into::into).collect()
    }

    #[test]
    fn nothing_in_many_is_not_nothing_for_sure() {
        let bounds = of_share(&batches([[50, 0]; 20]), 0.01).unwrap();
        assert_eq!((bounds.share, bounds.lower), (0.0, 0.0));
        let exact = 1.0 - 0.01_f64.powf(1.0 / 1_000.0);
        assert!((bounds.upper - exact).abs() < 1e-9, "{bounds:?}");
        let all = of_share(&batches([[50, 50]; 20]), 0.01).unwrap();
        assert_eq!((all.share, all.upper), (1.0, 1.0));
        assert!(all.lower > 0.99 && all.lower < 1.0, "{all:?}");
    }

    #[test]
    fn batches_that_differ_widen_the_bounds() {
        let even = of_share(&batches([[50, 5]; 20]), 0.01).unwrap();
        let uneven = batches((0..20).map(|i| if i < 2 { [50, 50] } else { [50, 0] }));
        let uneven = of_share(&uneven, 0.01).unwrap();
        assert!((even.share - uneven.share).abs() < 1e-12);
        assert!(even.upper < 0.14 && uneven.upper > 0.25, "{even:?} {uneven:?}");
        assert!(even.lower > 0.07 && uneven.lower <= 0.0, "{even:?} {uneven:?}");
    }

    #[test]
    fn without_values_there_are_no_bounds() {
        assert_eq!(of_share(&batches([[0, 0]; 20]), 0.01), None);
        assert_eq!(of_share(&[], 0.01), None);
        assert!(of_share(&batches([[0, 0], [9, 1]]), 0.01).is_some());
    }
}
