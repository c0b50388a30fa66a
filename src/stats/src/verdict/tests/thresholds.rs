//! Every row of the table below, at and above each of its limits.

use super::*;
use crate::ThrottledGpu;

/// Sets the number that a row looks at.
type Set = fn(&mut Facts, f64);

/// A row: its name, its number, and what becomes of the verdict at some values of it.
type Row = (&'static str, Set, &'static [(f64, VerdictStatus)]);

fn set_engine(facts: &mut Facts, set: impl FnOnce(&mut EngineFacts)) {
    set(facts.engine.as_mut().unwrap());
}

fn set_little(facts: &mut Facts, off: f64, edge: f64) {
    facts.little = Some(Little {
        in_flight: 100.0,
        rate_times_residence: 100.0 * (1.0 - off),
        edge,
    });
}

fn set_cached(facts: &mut Facts, share: f64, shared: f64) {
    facts.cached = Some(Cached { share, shared });
}

/// Times are milliseconds.
const CLIENT: &[Row] = &[
    (
        "delivered of 100",
        |f, x| f.delivered_mean = Some(x),
        &[
            (99.6, Valid),
            (99.5, Valid),
            (99.49, Suspect),
            (98.01, Suspect),
            (98.0, Suspect),
            (97.99, ClientBound),
        ],
    ),
    (
        "sent − intended, TTFT 50 ms",
        |f, x| set_engine(f, |e| e.lateness_p99 = Some((x * 1e6) as u64)),
        &[
            (0.99, Valid),
            (1.0, Valid),
            (1.01, Suspect),
            (4.99, Suspect),
            (5.0, Suspect),
            (5.01, ClientBound),
        ],
    ),
    (
        "sent − intended, TTFT 200 ms",
        |f, x| {
            f.ttft_p50 = Some(200 * MS);
            set_engine(f, |e| e.lateness_p99 = Some((x * 1e6) as u64));
        },
        &[(9.99, Suspect), (10.0, Suspect), (10.01, ClientBound)],
    ),
    (
        "client_lag, ITL 10 ms",
        |f, x| f.client_lag_p99 = Some((x * 1e6) as u64),
        &[
            (0.99, Valid),
            (1.0, Valid),
            (1.01, Suspect),
            (4.99, Suspect),
            (5.0, Suspect),
            (5.01, ClientBound),
        ],
    ),
    (
        "client_lag, ITL 100 ms",
        |f, x| (f.itl_p50, f.client_lag_p99) = (Some(100 * MS), Some((x * 1e6) as u64)),
        &[
            (1.99, Valid),
            (2.0, Valid),
            (2.01, Suspect),
            (9.99, Suspect),
            (10.0, Suspect),
            (10.01, ClientBound),
        ],
    ),
    (
        "longest loop gap",
        |f, x| set_engine(f, |e| e.longest_loop_gap = Some((x * 1e6) as u64)),
        &[
            (19.99, Valid),
            (20.0, Valid),
            (20.01, Suspect),
            (99.99, Suspect),
            (100.0, Suspect),
            (100.01, ClientBound),
        ],
    ),
    (
        "time in loop gaps over 10 ms",
        |f, x| set_engine(f, |e| e.long_gap_share = Some(x)),
        &[(0.0099, Valid), (0.01, Valid), (0.0101, ClientBound)],
    ),
    (
        "busiest thread",
        |f, x| set_engine(f, |e| e.busiest_cpu_share = Some(x)),
        &[
            (0.69, Valid),
            (0.70, Valid),
            (0.71, Suspect),
            (0.89, Suspect),
            (0.90, Suspect),
            (0.91, ClientBound),
        ],
    ),
    (
        "unresolved gaps",
        |f, x| f.unresolved_share = Some(x),
        &[
            (0.0049, Valid),
            (0.005, Valid),
            (0.0051, Suspect),
            (0.049, Suspect),
            (0.05, Suspect),
            (0.051, ClientBound),
        ],
    ),
    (
        "stamps missing or rejected",
        |f, x| set_engine(f, |e| e.bad_stamp_share = Some(x)),
        &[(0.0099, Valid), (0.01, Valid), (0.0101, Suspect), (1.0, Suspect)],
    ),
];

const SERVICE: &[Row] = &[
    (
        "queue caused by max_in_flight",
        |f, x| set_engine(f, |e| e.queued_share = Some(x)),
        &[
            (0.0099, Valid),
            (0.01, Valid),
            (0.0101, Suspect),
            (0.10, Suspect),
            (0.11, Suspect),
        ],
    ),
    (
        "failed",
        |f, x| f.failed_share = Some(x),
        &[
            (0.0, Valid),
            (0.0001, Suspect),
            (0.0099, Suspect),
            (0.01, Suspect),
            (0.0101, Invalid),
        ],
    ),
    (
        "failed, 10 % tolerated",
        |f, x| (f.failed_share, f.failed_tolerance) = (Some(x), Some(0.1)),
        &[(0.0, Valid), (0.099, Suspect), (0.1, Suspect), (0.101, Invalid)],
    ),
    (
        "successes",
        |f, x| f.ok = x as u64,
        &[(0.0, Invalid), (1.0, Valid), (2.0, Valid)],
    ),
    (
        "tokens",
        |f, x| f.output_tokens = Some(x as u64),
        &[(0.0, Invalid), (1.0, Valid), (2.0, Valid)],
    ),
    (
        "output length",
        |f, x| f.off_plan_share = Some(x),
        &[
            (0.0099, Valid),
            (0.01, Valid),
            (0.0101, Suspect),
            (0.099, Suspect),
            (0.10, Suspect),
            (0.101, Invalid),
        ],
    ),
    (
        "prefix-cache hits",
        |f, x| set_cached(f, x, 0.0),
        &[
            (0.019, Valid),
            (0.02, Valid),
            (0.021, Suspect),
            (0.199, Suspect),
            (0.20, Suspect),
            (0.201, Invalid),
        ],
    ),
    (
        "prefix-cache hits, half of each prompt shared",
        |f, x| set_cached(f, x, 0.5),
        &[
            (0.0, Valid),
            (0.519, Valid),
            (0.521, Suspect),
            (0.699, Suspect),
            (0.701, Invalid),
        ],
    ),
    (
        "Little's law, a long window",
        |f, x| set_little(f, x, 0.0),
        &[
            (0.019, Valid),
            (0.02, Valid),
            (0.021, Suspect),
            (-0.021, Suspect),
            (0.099, Suspect),
            (0.10, Suspect),
            (0.101, Invalid),
        ],
    ),
    (
        "Little's law, W / T = 5 %",
        |f, x| set_little(f, x, 0.05),
        &[(0.069, Valid), (0.071, Suspect), (0.101, Invalid)],
    ),
    (
        "in flight by the records, of 100 by the engine's count",
        |f, x| {
            f.in_flight = Some(InFlightTwice {
                recorded: x,
                counted: 100.0,
            });
        },
        &[
            (100.0, Valid),
            (99.991, Valid),
            (99.989, Suspect),
            (100.011, Suspect),
            (99.01, Suspect),
            (98.99, Invalid),
            (101.1, Invalid),
        ],
    ),
    (
        "cohort",
        |f, x| f.cohort = x as u64,
        &[
            (1_001.0, Valid),
            (1_000.0, Valid),
            (999.0, Suspect),
            (31.0, Suspect),
            (30.0, Suspect),
            (29.0, Invalid),
        ],
    ),
    (
        "counted by the service, of 1200 sent",
        |f, x| f.counted_and_sent = Some((x as u64, 1_200)),
        &[(1_199.0, Valid), (1_200.0, Valid), (1_201.0, Invalid)],
    ),
    (
        "tokens counted by a service that counts no requests, of 9600 at most",
        |f, x| {
            f.counted_and_sent = None;
            f.tokens_counted_and_most = Some((x as u64, 9_600));
        },
        &[(9_599.0, Valid), (9_600.0, Valid), (9_601.0, Invalid)],
    ),
    (
        "a GPU throttled",
        |f, x| {
            f.throttled = vec![ThrottledGpu {
                node: "n1".to_owned(),
                gpu: 3,
                throttled_ns: x as u64,
            }];
        },
        &[(0.0, Valid), (1.0, Suspect)],
    ),
];

#[test]
fn every_row_at_its_limits() {
    for (name, set, cases) in CLIENT.iter().chain(SERVICE) {
        for (value, expected) in *cases {
            let verdict = verdict(|facts| set(facts, *value));
            assert_eq!(verdict.status, *expected, "{name} at {value}: {verdict:?}");
            assert!(verdict.reasons.len() <= 1, "{name} at {value}: {verdict:?}");
        }
    }
}
