//! Trends, without assumptions about the values' distribution.

use super::median;
use super::normal::two_sided;

/// Two-sided p-value of the Mann–Kendall test for a monotone trend: normal approximation with correction for
/// continuity and ties (Kendall, Rank Correlation Methods, 1975).
pub(super) fn mann_kendall(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mut s = 0.0;
    for (later, value) in values.iter().enumerate() {
        s += values[..later]
            .iter()
            .map(|earlier| sign(value - earlier))
            .sum::<f64>();
    }
    let mut variance = n * (n - 1.0) * (2.0 * n + 5.0);
    for tied in tie_groups(values) {
        variance -= tied * (tied - 1.0) * (2.0 * tied + 5.0);
    }
    if variance <= 0.0 {
        return 1.0;
    }
    two_sided((s.abs() - 1.0).max(0.0) / (variance / 18.0).sqrt())
}

/// The median slope between all pairs of values, per step (Theil, 1950; Sen, 1968).
pub(super) fn theil_sen(values: &[f64]) -> f64 {
    let mut slopes = Vec::with_capacity(values.len() * values.len() / 2);
    for (later, value) in values.iter().enumerate() {
        let earlier = values[..later].iter().enumerate();
        slopes.extend(earlier.map(|(i, earlier)| (value - earlier) / (later - i) as f64));
    }
    median(&slopes).unwrap_or(0.0)
}

/// Unlike `signum`, zero for equal values.
fn sign(difference: f64) -> f64 {
    if difference > 0.0 {
        1.0
    } else if difference < 0.0 {
        -1.0
    } else {
        0.0
    }
}

fn tie_groups(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .chunk_by(|a, b| a.total_cmp(b).is_eq())
        .map(|group| group.len() as f64)
        .collect()
}
