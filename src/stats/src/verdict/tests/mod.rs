//! Every row of the verdict's table, at its limits and beyond.

mod service;
mod thresholds;

use super::VerdictStatus::{ClientBound, Invalid, Suspect, Valid};
use super::facts::{Cached, EngineFacts};
use super::*;
use crate::aggregate::{InFlightTwice, Little};
use crate::steady::{Observed, Unsteady};
use crate::{ClientPlacement, Load, StampSource};

const MS: u64 = 1_000_000;

/// The facts of a trial without fault: 100 clients, TTFT 50 ms, ITL 10 ms.
fn healthy() -> Facts {
    Facts {
        load: Load::Closed {
            concurrency: 100,
            think_time_ns: 0,
        },
        placement: ClientPlacement::OneMachine,
        cohort: 1_000,
        ok: 1_000,
        failed_share: Some(0.0),
        failed_tolerance: None,
        output_tokens: Some(64_000),
        tokens_wanted: true,
        off_plan_share: Some(0.01),
        cached: Some(Cached {
            share: 0.02,
            shared: 0.0,
        }),
        delivered_mean: Some(99.5),
        mean_residence_ns: Some(680e6),
        little: Some(Little {
            in_flight: 100.0,
            rate_times_residence: 98.0,
            edge: 0.0,
        }),
        in_flight: Some(InFlightTwice {
            recorded: 99.5,
            counted: 99.5,
        }),
        ttft_p50: Some(50 * MS),
        itl_p50: Some(10 * MS),
        e2e_p50: Some(680 * MS),
        client_lag_p99: Some(MS),
        unresolved_share: Some(0.005),
        unsteady: vec![],
        engine: Some(EngineFacts {
            lateness_p99: Some(MS),
            queued_share: Some(0.01),
            longest_loop_gap: Some(20 * MS),
            long_gap_share: Some(0.01),
            busiest_cpu_share: Some(0.70),
            stamps: StampSource::Kernel,
            bad_stamp_share: Some(0.01),
            kept_awake: true,
        }),
        counted_and_sent: Some((1_200, 1_200)),
        tokens_counted_and_most: Some((9_600, 9_600)),
        lost_nodes: Vec::new(),
        strangers: Vec::new(),
        throttled: vec![],
    }
}

fn status(change: impl FnOnce(&mut Facts)) -> VerdictStatus {
    verdict(change).status
}

fn verdict(change: impl FnOnce(&mut Facts)) -> Verdict {
    let mut facts = healthy();
    change(&mut facts);
    let verdict = Verdict::of(&facts);
    assert_eq!(verdict.status == Valid, verdict.reasons.is_empty(), "{verdict:?}");
    verdict
}

fn engine(change: impl FnOnce(&mut EngineFacts)) -> VerdictStatus {
    status(|facts| change(facts.engine.as_mut().unwrap()))
}

#[test]
fn a_trial_at_every_limit_is_valid() {
    assert_eq!(
        Verdict::of(&healthy()),
        Verdict {
            status: Valid,
            reasons: vec![]
        }
    );
}

#[test]
fn delivered_concurrency() {
    assert_eq!(status(|f| f.delivered_mean = Some(99.4)), Suspect);
    assert_eq!(status(|f| f.delivered_mean = Some(98.0)), Suspect);
    assert_eq!(status(|f| f.delivered_mean = Some(97.9)), ClientBound);
    assert_eq!(
        status(|f| (f.load, f.delivered_mean) = (Load::Open, Some(1.0))),
        Valid
    );
}

#[test]
fn thinking_clients_are_not_missing() {
    let load = Load::Closed {
        concurrency: 100,
        think_time_ns: 680 * MS,
    };
    assert_eq!(status(|f| (f.load, f.delivered_mean) = (load, Some(50.0))), Valid);
    assert_eq!(
        status(|f| (f.load, f.delivered_mean) = (load, Some(48.0))),
        ClientBound
    );
}

#[test]
fn lateness() {
    assert_eq!(engine(|e| e.lateness_p99 = Some(MS + 1)), Suspect);
    assert_eq!(engine(|e| e.lateness_p99 = Some(5 * MS)), Suspect);
    assert_eq!(engine(|e| e.lateness_p99 = Some(5 * MS + 1)), ClientBound);
    assert_eq!(engine(|e| e.lateness_p99 = None), Valid);
    let slow_service = |f: &mut Facts| {
        f.ttft_p50 = Some(200 * MS);
        f.engine.as_mut().unwrap().lateness_p99 = Some(9 * MS);
    };
    assert_eq!(
        status(slow_service),
        Suspect,
        "5 % of the TTFT median is more than 5 ms"
    );
}

#[test]
fn waiting_for_max_in_flight() {
    assert_eq!(engine(|e| e.queued_share = Some(0.011)), Suspect);
    let over = verdict(|f| f.engine.as_mut().unwrap().queued_share = Some(0.11));
    assert_eq!(over.status, Suspect, "it is the server's doing");
    assert!(over.reasons[0].starts_with("over capacity"), "{over:?}");
}

#[test]
fn cores_that_may_sleep_are_pointed_out() {
    let reason = |kept_awake: bool| {
        let late = verdict(|f| {
            f.client_lag_p99 = Some(2 * MS);
            f.engine.as_mut().unwrap().kept_awake = kept_awake;
        });
        late.reasons.concat()
    };
    assert_eq!(
        reason(true),
        "p99 of client_lag 2 ms is above 1 ms and 2 % of the ITL median (10 ms)"
    );
    assert_eq!(
        reason(false),
        format!(
            "{}; its processors may sleep, see `workload.engine.keep_awake`",
            reason(true)
        )
    );
}

#[test]
fn client_lag_needs_a_time_and_a_share() {
    assert_eq!(status(|f| f.client_lag_p99 = Some(MS + 1)), Suspect);
    assert_eq!(
        status(|f| (f.client_lag_p99, f.itl_p50) = (Some(3 * MS), Some(150 * MS))),
        Valid
    );
    assert_eq!(
        status(|f| (f.client_lag_p99, f.itl_p50) = (Some(MS), Some(MS))),
        Valid
    );
    assert_eq!(status(|f| f.client_lag_p99 = Some(5 * MS)), Suspect);
    assert_eq!(status(|f| f.client_lag_p99 = Some(5 * MS + 1)), ClientBound);
    assert_eq!(
        status(|f| (f.client_lag_p99, f.itl_p50) = (Some(9 * MS), Some(90 * MS))),
        Suspect
    );
    assert_eq!(
        status(|f| (f.client_lag_p99, f.itl_p50) = (Some(5 * MS), None)),
        Valid,
        "of E2E without ITL"
    );
    assert_eq!(
        status(|f| (f.client_lag_p99, f.itl_p50) = (Some(20 * MS), None)),
        Suspect
    );
}

#[test]
fn processor_time() {
    assert_eq!(engine(|e| e.busiest_cpu_share = Some(0.71)), Suspect);
    assert_eq!(engine(|e| e.busiest_cpu_share = Some(0.91)), ClientBound);
    assert_eq!(engine(|e| e.busiest_cpu_share = None), Valid);
}

#[test]
fn stamps() {
    assert_eq!(engine(|e| e.bad_stamp_share = Some(0.011)), Suspect);
    assert_eq!(engine(|e| e.stamps = StampSource::User), Suspect);
    assert_eq!(
        status(|f| f.engine = None),
        Suspect,
        "an engine that gives no account certifies nothing"
    );
}

#[test]
fn failures() {
    assert_eq!(status(|f| f.failed_share = Some(0.001)), Suspect);
    assert_eq!(status(|f| f.failed_share = Some(0.01)), Suspect);
    assert_eq!(status(|f| f.failed_share = Some(0.011)), Invalid);
    assert_eq!(
        status(|f| (f.failed_share, f.failed_tolerance) = (Some(0.001), Some(0.0))),
        Invalid
    );
    assert_eq!(
        status(|f| (f.failed_share, f.failed_tolerance) = (Some(0.05), Some(0.10))),
        Suspect
    );
    assert_eq!(
        status(|f| (f.failed_share, f.failed_tolerance) = (Some(0.11), Some(0.10))),
        Invalid
    );
}

#[test]
fn nothing_generated() {
    assert_eq!(status(|f| f.ok = 0), Invalid);
    assert_eq!(status(|f| f.output_tokens = Some(0)), Invalid);
    assert_eq!(status(|f| f.output_tokens = None), Invalid);
    assert_eq!(
        status(|f| (f.output_tokens, f.tokens_wanted) = (Some(0), false)),
        Valid
    );
}

#[test]
fn output_lengths() {
    assert_eq!(status(|f| f.off_plan_share = Some(0.011)), Suspect);
    assert_eq!(status(|f| f.off_plan_share = Some(0.11)), Invalid);
    assert_eq!(status(|f| f.off_plan_share = None), Valid);
}

#[test]
fn littles_law() {
    let off = |by: f64, edge: f64| {
        let little = Little {
            in_flight: 100.0,
            rate_times_residence: 100.0 * (1.0 + by),
            edge,
        };
        status(|f| f.little = Some(little))
    };
    assert_eq!(off(0.021, 0.0), Suspect);
    assert_eq!(off(-0.021, 0.0), Suspect);
    assert_eq!(off(0.099, 0.0), Suspect);
    assert_eq!(off(0.101, 0.0), Invalid);
    assert_eq!(off(0.069, 0.05), Valid, "the window's edges explain it");
    assert_eq!(off(0.13, 0.12), Valid, "short windows have wide edges");
    assert_eq!(off(0.15, 0.12), Invalid);
    assert_eq!(status(|f| f.little = None), Valid);
}

#[test]
fn what_was_in_flight_by_two_counts() {
    let counts = |recorded, counted| status(|f| f.in_flight = Some(InFlightTwice { recorded, counted }));
    assert_eq!(counts(0.0, 0.0), Valid);
    assert_eq!(counts(0.0, 1.0), Invalid, "no record at all");
    assert_eq!(counts(1.0, 0.0), Invalid);
    assert_eq!(status(|f| f.in_flight = None), Valid);
}

#[test]
fn clients_beside_servers() {
    assert_eq!(status(|f| f.placement = ClientPlacement::WithServers), Suspect);
    assert_eq!(status(|f| f.placement = ClientPlacement::Dedicated), Valid);
}

#[test]
fn steady_state() {
    let found = verdict(|f| {
        f.unsteady = vec![
            Unsteady::Trend {
                what: Observed::Ttft,
                drift: 0.123,
            },
            Unsteady::Shift {
                what: Observed::Throughput,
                shift: -0.2,
            },
            Unsteady::Wandering {
                what: Observed::InFlight,
                autocorrelation: 0.75,
            },
            Unsteady::TooShort {
                window_seconds: 6.0,
                request_seconds: 2.5,
            },
        ];
    });
    assert_eq!(found.status, Suspect);
    assert_eq!(
        found.reasons,
        [
            "no steady state: TTFT rises over the window, by 12.3 % of its median; \
          throughput drops at one point, by 20 % of its median; \
          the number of requests in flight wanders (correlation of successive batches 0.75, above 0.5); \
          the window of 6.00 s is too short for requests of 2.50 s"
        ]
    );
}

#[test]
fn an_undecided_steady_state_says_so() {
    let found = verdict(|f| {
        f.unsteady = vec![Unsteady::TooShort {
            window_seconds: 6.0,
            request_seconds: 2.5,
        }];
    });
    assert_eq!(
        found.reasons,
        ["steady state undecided: the window of 6.00 s is too short for requests of 2.50 s"]
    );
}

#[test]
fn a_fall_may_be_larger_than_the_median() {
    let found = verdict(|f| {
        f.unsteady = vec![Unsteady::Trend {
            what: Observed::Throughput,
            drift: -4.65,
        }];
    });
    assert_eq!(
        found.reasons,
        ["no steady state: throughput falls over the window, by 465 % of its median"]
    );
}

#[test]
fn the_worst_finding_decides_and_comes_first() {
    let verdict = verdict(|f| {
        f.cohort = 500;
        f.client_lag_p99 = Some(6 * MS);
        f.off_plan_share = Some(0.5);
    });
    assert_eq!(verdict.status, Invalid);
    assert_eq!(
        verdict.reasons,
        [
            "output lengths are 50 % off the plan, more than 10 %",
            "p99 of client_lag 6 ms is above 5 ms and 10 % of the ITL median (10 ms)",
            "the window has 500 requests, fewer than the 1000 that a p99 takes",
        ]
    );
}

#[test]
fn reasons_carry_the_numbers() {
    let reasons = verdict(|f| {
        f.delivered_mean = Some(97.25);
        f.engine.as_mut().unwrap().lateness_p99 = Some(5_500_000);
        f.engine.as_mut().unwrap().stamps = StampSource::User;
    });
    assert_eq!(
        reasons.reasons,
        [
            "97.25 requests were in flight on average where 100.00 were asked for: 97.25 %, less than 98 %",
            "p99 of sent − intended is 5.5 ms, above 5 ms",
            "arrivals were stamped in user space: the kernel gave no receive stamps",
        ]
    );
}

#[test]
fn names_are_those_of_the_summary() {
    for status in [Valid, Suspect, ClientBound, Invalid] {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    assert!(Invalid > ClientBound && ClientBound > Suspect && Suspect > Valid);
}
