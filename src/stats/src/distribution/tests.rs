//! Distributions against sorted vectors.

use proptest::prelude::*;

use super::*;

fn of(values: &[u64]) -> Distribution {
    let mut distribution = Distribution::new();
    for &value in values {
        distribution.record(value);
    }
    distribution
}

fn close(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= relative * b.abs().max(1e-300)
}

#[test]
fn no_data_is_none_and_never_zero() {
    let empty = Distribution::new();
    assert_eq!(empty.count(), 0);
    assert_eq!(
        (empty.min(), empty.max(), empty.quantile(0.5)),
        (None, None, None)
    );
    assert_eq!((empty.mean(), empty.stddev()), (None, None));
}

#[test]
fn one_value_has_no_standard_deviation() {
    let one = of(&[0]);
    assert_eq!(
        (one.min(), one.max(), one.quantile(0.99)),
        (Some(0), Some(0), Some(0))
    );
    assert_eq!((one.mean(), one.stddev()), (Some(0.0), None));
}

#[test]
fn moments_by_hand() {
    let some = of(&[2, 4, 4, 4, 5, 5, 7, 9]);
    assert_eq!(some.mean(), Some(5.0));
    assert!(close(some.stddev().unwrap(), (32.0_f64 / 7.0).sqrt(), 1e-15));
}

#[test]
fn a_small_spread_on_a_large_value_is_not_cancelled_away() {
    let some = of(&[3_600_000_000_000, 3_600_000_000_001, 3_600_000_000_002]);
    assert_eq!(some.stddev(), Some(1.0));
}

#[test]
fn ranks_are_exact_where_floats_are_not() {
    assert_eq!(rank(100, 0.55), 55);
    assert_eq!(rank(1_000, 0.999), 999);
    assert_eq!(rank(1_001, 0.999), 1_000);
    assert_eq!(rank(10, 0.0), 1);
    assert_eq!(rank(10, 1.0), 10);
    assert_eq!(rank(3, 0.5), 2);
}

#[test]
fn negative_times_count_as_zero() {
    let mut distribution = Distribution::new();
    distribution.record_between(10, 3);
    distribution.record_between(3, 10);
    assert_eq!((distribution.min(), distribution.max()), (Some(0), Some(7)));
}

#[test]
fn contradicting_or_broken_numbers_are_refused() {
    let good = serde_json::to_value(of(&[1, 2, 3])).unwrap();
    for (key, value) in [
        ("count", serde_json::json!(4)),
        ("sum", "x".into()),
        ("max", serde_json::json!(null)),
        ("min", serde_json::json!(9)),
        ("histogram", "????".into()),
        ("histogram", "AAAA".into()),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        assert!(serde_json::from_value::<Distribution>(bad).is_err(), "{key}");
    }
}

/// Durations over all magnitudes, up to an hour and a bit.
fn durations() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(
        (0_u32..42, any::<u64>()).prop_map(|(bits, value)| value & ((1 << bits) - 1)),
        1..200,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn quantiles_are_order_statistics(mut values in durations(), millionths in 0_u32..=1_000_000) {
        let q = f64::from(millionths) / 1e6;
        let distribution = of(&values);
        values.sort_unstable();
        let exact = values[((values.len() as u64 * u64::from(millionths)).div_ceil(1_000_000).max(1) - 1) as usize];
        let got = distribution.quantile(q).unwrap();
        prop_assert!(close(got as f64, exact as f64, 1e-4), "{got} for {exact}");
        prop_assert_eq!(distribution.min(), values.first().copied());
        prop_assert_eq!(distribution.max(), values.last().copied());
    }

    #[test]
    fn merging_equals_recording_all(a in durations(), b in durations()) {
        let mut merged = of(&a);
        merged.merge(&of(&b));
        prop_assert_eq!(&merged, &of(&[a, b].concat()));
    }

    #[test]
    fn a_stored_distribution_is_the_same_and_still_merges(a in durations(), b in durations()) {
        let text = serde_json::to_string(&of(&a)).unwrap();
        let mut back: Distribution = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&back, &of(&a));
        back.merge(&of(&b));
        prop_assert_eq!(&back, &of(&[a, b].concat()));
    }

    #[test]
    fn recording_several_times_is_recording_again(value in 0_u64..1 << 40, times in 0_u64..20) {
        let mut once = Distribution::new();
        once.record_times(value, times);
        prop_assert_eq!(once, of(&vec![value; times as usize]));
    }
}
