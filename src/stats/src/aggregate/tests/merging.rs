//! Merging gives what adding everything to one aggregate gives; storing changes nothing.

use proptest::prelude::*;

use super::super::TrialAggregate;
use crate::testing::{MS, aggregate, any_record, calm_engine, expectations, stream, window};
use crate::{Expectations, GoodputLimits};

fn limited() -> Expectations {
    let goodput = GoodputLimits {
        ttft: Some(25 * MS as u64),
        tpot: Some(8 * MS as u64),
        e2e: None,
    };
    Expectations {
        goodput,
        ..expectations()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn merging_parts_equals_adding_all(
        records in proptest::collection::vec(any_record(), 0..40),
        cut in 0_usize..40,
    ) {
        let cut = cut.min(records.len());
        let all = aggregate(window(100, 300), &limited(), &records);
        let mut merged = aggregate(window(100, 300), &limited(), &records[cut..]);
        merged.merge(&aggregate(window(100, 300), &limited(), &records[..cut]));
        prop_assert_eq!(&merged, &all);
        let mut into_empty = TrialAggregate::empty(&limited());
        into_empty.merge(&all);
        prop_assert_eq!(&into_empty, &all);
        prop_assert_eq!(into_empty.summarize(&limited()), all.summarize(&limited()));
    }

    #[test]
    fn storing_changes_nothing(records in proptest::collection::vec(any_record(), 0..20)) {
        let mut sum = aggregate(window(100, 300), &limited(), &records);
        sum.add_engine(&calm_engine(window(100, 300)));
        let text = serde_json::to_string(&sum).unwrap();
        let back: TrialAggregate = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&back, &sum);
    }
}

#[test]
fn an_aggregate_is_small_enough_to_travel() {
    let records: Vec<_> = (0..20_000_i64)
        .map(|i| stream(i, &[i + 50 + i % 7, i + 61 + i % 11, i + 72 + i % 13]))
        .collect();
    let mut sum = aggregate(window(0, 20_000), &limited(), &records);
    sum.add_engine(&calm_engine(window(0, 20_000)));
    assert!(serde_json::to_string(&sum).unwrap().len() < 256 * 1_024);
}

#[test]
fn engine_reports_merge_to_the_worst_thread() {
    let mut calm = calm_engine(window(0, 100));
    let mut busy = calm_engine(window(0, 100));
    busy.threads[0].thread = 1;
    busy.record_loop_gap(12 * MS as u64);
    busy.finish(window(0, 110), Some(95 * MS as u64));
    busy.stamps = crate::StampSource::User;
    calm.merge(&busy);
    assert_eq!(calm.threads.len(), 2);
    assert_eq!(calm.stamps, crate::StampSource::User);
    assert!((calm.busiest_cpu_share().unwrap() - 95.0 / 110.0).abs() < 1e-12);
    assert!((calm.worst_long_gap_share().unwrap() - 12.0 / 110.0).abs() < 1e-12);
    assert_eq!(calm.window(), Some(window(0, 110)));
    assert_eq!((calm.reads, calm.arrivals), (20_000, 2_000));
    assert_eq!(calm.loop_gaps.count(), 201);
}
