//! The same numbers from an independent computation.

use hpcbench_records::Record;
use serde_json::{Value, json};

use crate::testing::service::Drifting;
use crate::testing::{MS, aggregate, any_records, clients, expectations, python, window};
use crate::{Expectations, GoodputLimits, Load, SloLimit, Window};

/// A trial, and what it was meant to be.
struct Trial {
    window: Window,
    records: Vec<Record>,
    expectations: Expectations,
}

impl Trial {
    fn for_python(&self) -> Value {
        let Expectations {
            slo, goodput, load, ..
        } = &self.expectations;
        let slo = slo.iter().map(|limit| (limit.name(), limit.limit_ns.into()));
        json!({
            "start": load.start(),
            "slo": Value::Object(slo.collect()),
            "goodput": goodput,
            "clients": clients([(self.window, self.records.as_slice())]),
        })
    }

    fn summary(&self) -> Value {
        let sum = aggregate(self.window, &self.expectations, &self.records);
        let summary = sum.summarize(&self.expectations);
        serde_json::to_value(summary).unwrap()
    }
}

fn limits(limits: &[(&str, i64)]) -> Vec<SloLimit> {
    let limit = |(name, ms): &(&str, i64)| SloLimit::parse(name, (ms * MS) as u64).unwrap();
    limits.iter().map(limit).collect()
}

/// Requests of all sorts, in a window shorter than most of them.
fn of_all_sorts(load: Load) -> Trial {
    Trial {
        window: window(100, 300),
        records: any_records(400),
        expectations: Expectations {
            load,
            slo: limits(&[
                ("ttft_p50", 20),
                ("ttft_p99", 30),
                ("e2e_p90", 200),
                ("itl_p50", 12),
                ("itl_p99", 30),
                ("tpot_p95", 10),
            ]),
            goodput: GoodputLimits {
                ttft: Some(21 * MS as u64),
                tpot: Some(9 * MS as u64),
                e2e: Some(250 * MS as u64),
            },
            ..expectations()
        },
    }
}

/// Enough requests of a service that drifts for every interval but those of the requests' 99.9th percentiles.
fn drifting(load: Load) -> Trial {
    let service = Drifting {
        clients: 8,
        seconds: 60.0,
        ..Drifting::DEFAULT
    };
    Trial {
        window: service.window(),
        records: service.records(7),
        expectations: Expectations {
            load,
            slo: limits(&[
                ("ttft_p99", 60),
                ("e2e_p999", 700),
                ("itl_p999", 20),
                ("tpot_p90", 12),
            ]),
            ..expectations()
        },
    }
}

#[test]
fn python_comes_to_the_same_summaries() {
    let closed = expectations().load;
    let trials = [
        of_all_sorts(closed),
        of_all_sorts(Load::Open),
        drifting(closed),
        drifting(Load::Open),
    ];
    let input: Vec<Value> = trials.iter().map(Trial::for_python).collect();
    let Some(theirs) = python("recompute.py", &Value::Array(input)) else {
        return;
    };
    for (trial, theirs) in trials.iter().zip(theirs.as_array().unwrap()) {
        compare("", &trial.summary(), theirs);
    }
    let kept_back = &theirs[0]["metrics"];
    assert_eq!(
        (&kept_back["tpot"]["p50"], &kept_back["itl"]["p99"]),
        (&Value::Null, &Value::Null)
    );
    for metric in ["ttft", "itl", "tpot", "e2e", "queue"] {
        let interval = &theirs[2]["metrics"][metric]["interval"]["p90"];
        assert!(interval.is_array(), "{metric} has no interval to compare");
    }
}

/// Holds everything that Python has against ours.
fn compare(path: &str, ours: &Value, theirs: &Value) {
    match theirs {
        Value::Object(theirs) => {
            for (key, theirs) in theirs {
                compare(&format!("{path}/{key}"), &ours[key], theirs);
            }
        }
        Value::Array(theirs) => {
            for (i, theirs) in theirs.iter().enumerate() {
                compare(&format!("{path}/{i}"), &ours[i], theirs);
            }
        }
        Value::Number(_) => {
            let (Some(a), Some(b)) = (ours.as_f64(), theirs.as_f64()) else {
                panic!("{path}: {ours} here, {theirs} there");
            };
            // Times per token are rounded to a nanosecond.
            let tolerated = tolerance(path) * b.abs() + 1e-9;
            assert!((a - b).abs() <= tolerated, "{path}: {a} here, {b} there");
        }
        other => assert_eq!(ours, other, "{path}"),
    }
}

/// Relative: what the histograms leave open, and the width of two bins for bounds that come from batches.
fn tolerance(path: &str) -> f64 {
    let name = path.rsplit('/').next().unwrap_or_default();
    if path.contains("interval") {
        return 2e-3;
    }
    match name {
        "p50" | "p90" | "p95" | "p99" | "p999" | "value" => 1e-4,
        "stddev" | "output_token_throughput" => 1e-6,
        _ => 1e-8,
    }
}
