//! Intervals by hand, and on services that drift.

mod coverage;

use super::percentile::Ranks;
use super::*;
use crate::batches::Batched;

/// Batches with these values each.
fn batched(batches: impl IntoIterator<Item = Vec<u64>>) -> Batched {
    let mut batched = Batched::default();
    for (batch, values) in batches.into_iter().enumerate() {
        for value in values {
            batched.record(batch, value);
        }
    }
    batched
}

#[test]
fn batches_that_are_alike_leave_hardly_any_doubt() {
    // Each batch has the values 1 to 100: its share above any percentile is that of all.
    let alike = batched((0..BATCHES).map(|_| (1..=100).collect()));
    let pooled = Pooled::new(&alike);
    assert_eq!(pooled.count(), 2_000);
    assert_eq!(
        pooled.interval(0.9),
        Some(Ranks {
            low: 1_800,
            high: 1_800
        })
    );
}

#[test]
fn the_interval_by_hand() {
    let slow = || (1..=90).chain(std::iter::repeat_n(201, 10)).collect::<Vec<u64>>();
    let fast = || (1..=100).collect::<Vec<u64>>();
    let batched = batched((0..BATCHES).map(|i| if i % 2 == 0 { fast() } else { slow() }));
    // The 1,900th of 2,000 values is the 100 of the fast batches: 100 values lie above, all in the slow ones, ten each.
    // Residuals are 10 − 0.05 · 100 = 5 and −5: SE² = 20 / 19 · 20 · 25 / 2,000².
    let half = STUDENT_T * (20.0_f64 / 19.0 * 500.0).sqrt();
    let expected = Ranks {
        low: (1_900.0 - half).ceil() as u64,
        high: (1_900.0 + half).ceil() as u64,
    };
    assert_eq!(Pooled::new(&batched).interval(0.95), Some(expected));
}

#[test]
fn equal_values_are_shared_out_among_the_batches() {
    // All values alike: nothing but chance decides which of them lie above.
    let equal = batched((0..BATCHES).map(|_| vec![500; 100]));
    let half = STUDENT_T * (2_000.0_f64 * 0.05 * 0.95).sqrt();
    let ranks = Pooled::new(&equal).interval(0.95).unwrap();
    assert_eq!(
        (ranks.low, ranks.high),
        ((1_900.0 - half).ceil() as u64, (1_900.0 + half).ceil() as u64)
    );
}

#[test]
fn an_interval_needs_ten_values_beyond_and_bounds_in_the_sample() {
    let alike = |n: u64| batched((0..BATCHES).map(|_| (1..=n).collect()));
    let has = |n: u64, q: f64| Pooled::new(&alike(n)).interval(q).is_some();
    assert!(has(50, 0.99), "ten of a thousand");
    assert!(!has(49, 0.99));
    assert!(has(1, 0.5) && !has(1, 0.9));
    assert!(!has(0, 0.5), "no values");
    // Everything slow happened in one batch, so that the upper bound is nobody knows where.
    let burst = batched((0..BATCHES).map(|i| if i == 7 { vec![9_000; 100] } else { vec![5; 100] }));
    assert_eq!(Pooled::new(&burst).interval(0.95), None);
}

#[test]
fn batches_have_to_be_as_long_as_two_requests() {
    let second = 1_000_000_000;
    assert!(batches_are_long_enough(40 * second, BATCHES, 1e9));
    assert!(!batches_are_long_enough(40 * second - 1, BATCHES, 1e9));
}

#[test]
fn the_interval_of_a_mean_by_hand() {
    let half = of_batch_means(&[1.0, 2.0, 3.0]).unwrap();
    assert!((half - STUDENT_T / 3.0_f64.sqrt()).abs() < 1e-12);
    assert_eq!(of_batch_means(&[5.0; 20]), Some(0.0));
    assert_eq!(of_batch_means(&[5.0]), None);
}
