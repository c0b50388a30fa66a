//! Goodput by hand.

use crate::testing::{MS, aggregate, cancelled, expectations, failure, stream, whole, window};
use crate::{Expectations, GoodputLimits, Load};
use hpcbench_records::{ErrorKind, Record, TokensSource};

fn counts(limits: GoodputLimits, load: Load, records: &[Record]) -> (u64, u64, u64) {
    let expectations = Expectations {
        goodput: limits,
        load,
        ..expectations()
    };
    let goodput = aggregate(window(0, 1_000), &expectations, records).goodput;
    (goodput.good, goodput.bad, goodput.left_out)
}

const fn ms(milliseconds: i64) -> u64 {
    (milliseconds * MS) as u64
}

const CLOSED: Load = Load::Closed {
    concurrency: 1,
    think_time_ns: 0,
};

#[test]
fn every_limit_has_to_be_met() {
    let limits = GoodputLimits {
        ttft: Some(ms(50)),
        tpot: Some(ms(10)),
        e2e: Some(ms(100)),
    };
    let records = [
        stream(0, &[50, 60, 70]),
        stream(0, &[51, 60, 70]),
        stream(0, &[50, 60, 71]),
        stream(0, &[50, 60, 70, 80, 90, 100, 110]),
    ];
    assert_eq!(counts(limits, CLOSED, &records), (1, 3, 0));
}

#[test]
fn an_open_load_counts_from_the_schedule() {
    let limits = GoodputLimits {
        ttft: Some(ms(50)),
        ..GoodputLimits::default()
    };
    let records = [stream(10, &[60, 70])];
    assert_eq!(counts(limits, CLOSED, &records), (1, 0, 0));
    assert_eq!(counts(limits, Load::Open, &records), (0, 1, 0));
}

#[test]
fn failures_are_never_good() {
    let limits = GoodputLimits {
        e2e: Some(ms(500)),
        ..GoodputLimits::default()
    };
    assert_eq!(
        counts(limits, CLOSED, &[failure(0, 1, ErrorKind::Server)]),
        (0, 1, 0)
    );
}

#[test]
fn a_cancelled_request_counts_only_if_it_was_already_late() {
    let limits = GoodputLimits {
        ttft: Some(ms(50)),
        e2e: Some(ms(500)),
        ..GoodputLimits::default()
    };
    assert_eq!(
        counts(limits, CLOSED, &[cancelled(0, 51), cancelled(0, 50)]),
        (0, 1, 1)
    );
    let mut after_first = cancelled(0, 400);
    after_first.times.first = Some(40 * MS);
    let mut late_end = after_first.clone();
    late_end.times.end = Some(501 * MS);
    assert_eq!(counts(limits, CLOSED, &[after_first, late_end]), (0, 1, 1));
}

#[test]
fn a_time_that_does_not_exist_meets_no_limit_unless_nothing_could_take_it() {
    let ttft = GoodputLimits {
        ttft: Some(ms(50)),
        ..GoodputLimits::default()
    };
    let tpot = GoodputLimits {
        tpot: Some(ms(50)),
        ..GoodputLimits::default()
    };
    let single = stream(0, &[10]);
    assert_eq!(counts(ttft, CLOSED, &[whole(0, 10, 5)]), (0, 1, 0));
    assert_eq!(counts(tpot, CLOSED, &[single, whole(0, 10, 1)]), (2, 0, 0));
    // There were further tokens, but nobody knows how long they took.
    let mut at_once = stream(0, &[10]);
    at_once.tokens.output_usage = Some(9);
    let mut uncounted = whole(0, 10, 5);
    uncounted.tokens.source = TokensSource::Chunks;
    assert_eq!(
        counts(tpot, CLOSED, &[at_once, whole(0, 10, 5), uncounted]),
        (0, 3, 0)
    );
}

#[test]
fn without_limits_nothing_is_counted() {
    assert_eq!(
        counts(GoodputLimits::default(), CLOSED, &[stream(0, &[10])]),
        (0, 0, 0)
    );
}
