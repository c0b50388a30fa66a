//! What breaks objectives, and the bounds of its share, from an independent computation.

use std::collections::BTreeMap;

use hpcbench_records::Record;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{SloEvidence, Violations};
use crate::interval::of_share;
use crate::testing::service::{Drifting, Noise};
use crate::testing::{MS, aggregate, any_records, clients, expectations, python, window};
use crate::{Counted, Expectations, Load, SloLimit, Window};

/// For each trial its violations by objective, and for each list of batches and each alpha the share and its bounds.
#[derive(Deserialize)]
struct Theirs {
    violations: Vec<BTreeMap<String, Violations>>,
    bounds: Vec<Vec<[f64; 3]>>,
}

/// A trial of a search.
struct Trial {
    window: Window,
    records: Vec<Record>,
    expectations: Expectations,
}

impl Trial {
    fn new(load: Load, window: Window, records: Vec<Record>, limits: &[(&str, i64)]) -> Self {
        let limit = |(name, ms): &(&str, i64)| SloLimit::parse(name, (ms * MS) as u64).unwrap();
        Self {
            window,
            records,
            expectations: Expectations {
                load,
                slo: limits.iter().map(limit).collect(),
                searched: true,
                ..expectations()
            },
        }
    }

    fn for_python(&self) -> Value {
        let limits = self.expectations.slo.iter();
        let limits = limits.map(|limit| (limit.name(), limit.limit_ns.into()));
        json!({
            "start": self.expectations.load.start(),
            "slo": Value::Object(limits.collect()),
            "clients": clients([(self.window, self.records.as_slice())]),
        })
    }

    fn evidence(&self) -> SloEvidence {
        let sum = aggregate(self.window, &self.expectations, &self.records);
        sum.summarize(&self.expectations).slo_evidence.unwrap()
    }
}

fn trials() -> Vec<Trial> {
    let closed = expectations().load;
    let short = [
        ("ttft_p50", 20),
        ("itl_p99", 12),
        ("e2e_p90", 200),
        ("tpot_p95", 10),
    ];
    let long = [
        ("ttft_p90", 55),
        ("itl_p999", 14),
        ("e2e_p50", 300),
        ("tpot_p90", 11),
    ];
    let service = Drifting::DEFAULT;
    let uniform = |mut records: Vec<Record>| {
        // Tokens that are all counted in one way.
        for record in &mut records {
            record.tokens.source = hpcbench_records::TokensSource::Usage;
            record
                .events
                .uncertainty
                .iter_mut()
                .for_each(|uncertainty| *uncertainty = 0);
        }
        records
    };
    vec![
        Trial::new(closed, window(100, 300), any_records(400), &short),
        Trial::new(Load::Open, window(100, 300), any_records(400), &short),
        Trial::new(closed, window(0, 8_000), uniform(any_records(400)), &short),
        Trial::new(closed, service.window(), service.records(3), &long),
        Trial::new(Load::Open, service.window(), service.records(4), &long),
    ]
}

/// Batches of all sorts: without a violation, with nothing else, alike, in bursts, of different sizes, few and many.
fn batches() -> Vec<Vec<[u64; 2]>> {
    let mut noise = Noise::new(11);
    let mut drawn = |number: usize, most: f64, share: f64| -> Vec<[u64; 2]> {
        let mut batch = || {
            let all = 1 + (most * noise.uniform()) as u64;
            let counted = (0..all).filter(|_| noise.uniform() < share).count();
            [all, counted as u64]
        };
        (0..number).map(|_| batch()).collect()
    };
    vec![
        vec![[50, 0]; 20],
        vec![[50, 50]; 20],
        vec![[50, 5]; 20],
        (0..20).map(|i| if i < 2 { [50, 50] } else { [50, 0] }).collect(),
        vec![[0, 0], [9, 1], [0, 0], [4, 0]],
        drawn(20, 100.0, 0.01),
        drawn(20, 30.0, 0.5),
        drawn(5, 200.0, 0.1),
        drawn(60, 100.0, 0.02),
    ]
}

#[test]
fn python_comes_to_the_same_violations_and_bounds() {
    let alphas = [0.05, 0.05 / 16.0, 0.05 / 40.0];
    let (trials, batches) = (trials(), batches());
    let input = json!({
        "trials": trials.iter().map(Trial::for_python).collect::<Vec<_>>(),
        "batches": batches,
        "alphas": alphas,
    });
    let Some(theirs) = python("shares.py", &input) else {
        return;
    };
    let theirs: Theirs = serde_json::from_value(theirs).unwrap();
    for (i, (trial, theirs)) in trials.iter().zip(&theirs.violations).enumerate() {
        let ours = trial.evidence().objectives;
        assert_eq!(
            ours.keys().collect::<Vec<_>>(),
            theirs.keys().collect::<Vec<_>>(),
            "trial {i}"
        );
        for (name, theirs) in theirs {
            let ours = &ours[name];
            assert!(
                (ours.tolerated - theirs.tolerated).abs() < 1e-12,
                "trial {i}, {name}"
            );
            assert_eq!(
                (ours.independent, &ours.batches),
                (theirs.independent, &theirs.batches),
                "trial {i}, {name}"
            );
        }
    }
    let known = |violations: &Violations| violations.batches.iter().any(|batch| batch.counted > 0);
    for objective in ["ttft_p90", "itl_p999", "e2e_p50", "tpot_p90"] {
        assert!(
            known(&theirs.violations[3][objective]),
            "nothing broke {objective}"
        );
    }
    for (batches, theirs) in batches.iter().zip(&theirs.bounds) {
        let batches: Vec<Counted> = batches.iter().copied().map(Into::into).collect();
        for (alpha, [share, lower, upper]) in alphas.into_iter().zip(theirs) {
            let ours = of_share(&batches, alpha).unwrap();
            for (a, b) in [(ours.share, share), (ours.lower, lower), (ours.upper, upper)] {
                assert!(
                    (a - b).abs() < 1e-6,
                    "{batches:?} at {alpha}: {ours:?}, {theirs:?}"
                );
            }
        }
    }
}
