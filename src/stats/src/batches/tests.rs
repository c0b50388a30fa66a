//! Counts on their way between clients.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

fn counts(values: &[u64]) -> FineCounts {
    let mut counts = FineCounts::default();
    for value in values {
        counts.record(*value);
    }
    counts
}

proptest! {
    #[test]
    fn storing_changes_nothing(values: Vec<u64>, small in proptest::collection::vec(0_u64..5_000, 0..200)) {
        let counts = counts(&[values, small].concat());
        let text = serde_json::to_string(&counts).unwrap();
        prop_assert_eq!(serde_json::from_str::<FineCounts>(&text).unwrap(), counts);
    }

    #[test]
    fn merging_equals_adding_all(a: Vec<u64>, b: Vec<u64>) {
        let mut merged = counts(&a);
        merged.merge(&counts(&b));
        prop_assert_eq!(merged, counts(&[a, b].concat()));
    }

    #[test]
    fn any_bytes_are_counts_or_an_error(bytes: Vec<u8>) {
        let text = serde_json::Value::String(STANDARD.encode(bytes));
        if let Ok(counts) = serde_json::from_value::<FineCounts>(text) {
            prop_assert!(counts.bins().all(|(_, count)| count > 0));
        }
    }
}

#[test]
fn what_no_client_writes_is_refused() {
    let refused = |text: &str| serde_json::from_value::<FineCounts>(text.into()).is_err();
    assert!(refused("?"), "no base64");
    assert!(refused(&STANDARD.encode([5])), "a bin without a count");
    assert!(refused(&STANDARD.encode([5, 0])), "a count of zero");
    assert!(refused(&STANDARD.encode([0x80])), "half a number");
    assert!(refused(&STANDARD.encode([0xff; 12])), "a number without end");
    assert!(
        refused(&STANDARD.encode([0xff, 0xff, 0xff, 0xff, 0x0f, 1])),
        "a bin that is not there"
    );
    assert!(!refused(""), "nothing is nothing");
}

#[test]
fn another_number_of_batches_is_refused() {
    let nineteen = serde_json::json!(vec![""; BATCHES - 1]);
    assert!(serde_json::from_value::<Batched>(nineteen).is_err());
}

#[test]
fn a_value_beyond_the_last_batch_is_ignored() {
    let mut batched = Batched::default();
    batched.record(BATCHES, 7);
    assert_eq!(batched, Batched::default());
}
