//! Requests of all sorts.

use hpcbench_records::{ErrorKind, Record, TokensSource};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::{cancelled, failure, stream, whole};

/// So many of them, the same each time.
pub(crate) fn any_records(count: usize) -> Vec<Record> {
    let records = proptest::collection::vec(any_record(), count);
    let mut runner = TestRunner::deterministic();
    records.new_tree(&mut runner).unwrap().current()
}

/// A request of any sort that touches the window [100, 300) or misses it.
pub(crate) fn any_record() -> impl Strategy<Value = Record> {
    let gaps = proptest::collection::vec((1_i64..20, any::<bool>()), 1..30);
    (0_i64..400, gaps, 0_u8..10, 1_u32..4, any::<bool>()).prop_map(|(sent, gaps, sort, weight, cohort)| {
        let mut record = match sort {
            0 => failure(sent, sent + gaps[0].0, ErrorKind::Server),
            1 => failure(sent, sent + 30, ErrorKind::TimeoutFirstToken),
            2 => cancelled(sent, sent + gaps[0].0),
            3 => whole(sent, sent + 40, weight * 10),
            _ => {
                let mut at = sent + 20;
                let chunks: Vec<i64> = gaps
                    .iter()
                    .map(|(gap, _)| {
                        at += gap;
                        at
                    })
                    .collect();
                let mut record = stream(sent, &chunks);
                record.tokens.output_usage = Some(gaps.len() as u32 * weight);
                record.tokens.output_planned = Some(40);
                for (i, (gap, uncertain)) in gaps.iter().enumerate() {
                    record.events.uncertainty[i + 1] = if *uncertain { 1_500_000 } else { 0 };
                    if *gap == 7 {
                        // The time of the read stands for the arrival.
                        record.events.read_lag[i + 1] = 0;
                    }
                }
                record
            }
        };
        if sort == 4 {
            record.tokens.source = TokensSource::Chunks;
        }
        record.cohort = cohort;
        record
    })
}
