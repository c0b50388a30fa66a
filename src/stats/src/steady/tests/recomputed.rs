//! The test statistics from an independent computation.

use serde_json::json;

use super::super::{autocorrelation, level_shift, trend};
use crate::testing::python;
use crate::testing::service::Noise;

/// For each series: p of Mann–Kendall, slope of Theil–Sen, lag-1 autocorrelation, the most pronounced shift, its p, and
/// the number of permutations that this p comes from.
type Statistics = (f64, f64, f64, f64, f64, f64);

/// Permutations on our side.
const OURS: f64 = 999.0;
/// Up to so many values Python tries all permutations.
const FEW: usize = 7;

fn series() -> Vec<Vec<f64>> {
    let mut noise = Noise::new(3);
    let mut twenty = |of: fn(f64) -> f64, spread: f64| -> Vec<f64> {
        (0..20)
            .map(|i| of(f64::from(i)) + spread * noise.normal())
            .collect()
    };
    vec![
        vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.5],
        vec![9.0, 9.0, 9.5, 3.0, 3.0, 3.25, 2.0],
        vec![5.0, 1.0, 4.0, 4.0, 2.0, 7.0],
        (0..20).map(|i| f64::from(i * 37 % 101)).collect(),
        (0..15)
            .map(|i| f64::from(i / 5) + f64::from(i * 7 % 5) / 10.0)
            .collect(),
        twenty(|i| 50.0 - 0.2 * i, 2.0),
        twenty(|i| if i < 12.0 { 50.0 } else { 52.0 }, 2.0),
        twenty(|_| 50.0, 5.0),
        twenty(|i| 50.0 + (i / 3.0).sin(), 0.3),
    ]
}

#[test]
fn python_comes_to_the_same_statistics() {
    let series = series();
    let Some(theirs) = python("statistics_of.py", &json!(series)) else {
        return;
    };
    let theirs: Vec<Statistics> = serde_json::from_value(theirs).unwrap();
    for (values, (p, slope, lag, size, shift_p, permutations)) in series.iter().zip(theirs) {
        assert!((trend::mann_kendall(values) - p).abs() < 1e-6, "{values:?}");
        assert!((trend::theil_sen(values) - slope).abs() < 1e-9, "{values:?}");
        assert!(
            (autocorrelation::lag_one(values).unwrap() - lag).abs() < 1e-9,
            "{values:?}"
        );
        let shift = level_shift::largest(values);
        assert!(
            (shift.size - size).abs() < 1e-9,
            "{values:?}: {} and {size}",
            shift.size
        );
        // Four standard errors of the difference of two shares; one is exact if it is that of all permutations.
        let sampled = if values.len() <= FEW {
            1.0 / OURS
        } else {
            1.0 / OURS + 1.0 / permutations
        };
        let tolerated = 4.0 * (shift_p * (1.0 - shift_p) * sampled).sqrt() + 0.002;
        assert!(
            (shift.p - shift_p).abs() < tolerated,
            "{values:?}: {} and {shift_p}",
            shift.p
        );
    }
}
