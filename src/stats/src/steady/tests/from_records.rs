//! From records to batches, series and findings, from an independent computation.

use std::collections::BTreeMap;

use hpcbench_records::Record;
use serde::Deserialize;
use serde_json::json;

use super::super::*;
use super::simulated::{STEADY, Service};
use crate::testing::service::Drifting;
use crate::testing::{aggregate, any_records, clients, python, window};
use crate::{Expectations, TrialAggregate, Window};

/// A trial of some clients, and their load.
struct Trial {
    load: Load,
    clients: Vec<(Window, Vec<Record>)>,
}

/// What Python makes of it: numbers by what is looked at, and what it finds there with its size.
#[derive(Deserialize)]
struct Theirs {
    batches: Option<usize>,
    series: BTreeMap<String, Vec<f64>>,
    findings: BTreeMap<String, Option<(String, f64)>>,
}

impl Trial {
    fn aggregate(&self) -> TrialAggregate {
        let expectations = Expectations::new(self.load);
        let mut all = TrialAggregate::empty(&expectations);
        for (window, records) in &self.clients {
            all.merge(&aggregate(*window, &expectations, records));
        }
        all
    }
}

const CLOSED: Load = Load::Closed {
    concurrency: 8,
    think_time_ns: 0,
};

fn simulated(load: Load, seed: u64, service: Service) -> Trial {
    Trial {
        load,
        clients: vec![(service.window(), service.records(seed))],
    }
}

/// The same service seen by a client whose clock began a while later.
fn shifted(records: &[Record], by: i64) -> Vec<Record> {
    let mut records = records.to_vec();
    for record in &mut records {
        let times = &mut record.times;
        times.intended += by;
        for t in [&mut times.sent, &mut times.first, &mut times.last, &mut times.end] {
            *t = t.map(|t| t + by);
        }
        record.events.t.iter_mut().for_each(|t| *t += by);
    }
    records
}

fn of_two_clients(service: Service) -> Trial {
    const LATER: i64 = 123_456_789;
    let (window, moved) = (service.window(), shifted(&service.records(2), LATER));
    let later = Window {
        t1: window.t1 + LATER,
        t2: window.t2 + LATER,
        ..window
    };
    Trial {
        load: CLOSED,
        clients: vec![(window, service.records(1)), (later, moved)],
    }
}

fn trials() -> Vec<Trial> {
    let dropping = Service {
        window_seconds: 12.0,
        slowness: |passed| if passed < 0.85 { 1.0 } else { 1.4 },
        ..STEADY
    };
    let swelling = Service {
        slowness: |passed| if (0.25..0.75).contains(&passed) { 1.5 } else { 1.0 },
        ..STEADY
    };
    let slowing = Service {
        slowness: |passed| 1.0 + 0.4 * passed,
        ..STEADY
    };
    let too_long = Service {
        tokens: 256,
        ..STEADY
    };
    let wandering = Drifting::DEFAULT;
    let of_all_sorts = |load| Trial {
        load,
        clients: vec![(window(100, 300), any_records(400))],
    };
    vec![
        simulated(CLOSED, 1, STEADY),
        simulated(CLOSED, 1, slowing),
        simulated(Load::Open, 1, slowing),
        simulated(CLOSED, 1, dropping),
        simulated(CLOSED, 1, swelling),
        simulated(CLOSED, 1, too_long),
        of_two_clients(slowing),
        Trial {
            load: CLOSED,
            clients: vec![(wandering.window(), wandering.records(5))],
        },
        of_all_sorts(CLOSED),
        of_all_sorts(Load::Open),
    ]
}

fn name(what: Observed) -> &'static str {
    match what {
        Observed::Throughput => "throughput",
        Observed::Ttft => "ttft",
        Observed::InFlight => "in_flight",
        Observed::Outstanding => "outstanding",
    }
}

fn observed(load: Load) -> [Observed; 3] {
    let waiting = match load {
        Load::Closed { .. } => Observed::InFlight,
        Load::Open => Observed::Outstanding,
    };
    [Observed::Throughput, Observed::Ttft, waiting]
}

/// By what is looked at: which finding, and its size.
fn told(found: &[Unsteady]) -> BTreeMap<&'static str, (&'static str, f64)> {
    let one = |unsteady: &Unsteady| match *unsteady {
        Unsteady::Trend { what, drift } => Some((name(what), ("trend", drift))),
        Unsteady::Shift { what, shift } => Some((name(what), ("shift", shift))),
        Unsteady::Wandering {
            what,
            autocorrelation,
        } => Some((name(what), ("wandering", autocorrelation))),
        Unsteady::TooShort { .. } => None,
    };
    found.iter().filter_map(one).collect()
}

/// Relative: times to the first token are kept to 0.4 %, a chunk's part of a token to a thousandth of one.
fn tolerance(what: Observed) -> f64 {
    match what {
        Observed::Ttft => 0.004,
        Observed::Throughput => 1e-3,
        Observed::InFlight | Observed::Outstanding => 1e-6,
    }
}

/// The length of the longest window, nanoseconds.
fn longest(trial: &Trial) -> u64 {
    let lengths = trial.clients.iter().map(|(window, _)| window.nanoseconds());
    lengths.max().unwrap()
}

/// The same batches, and in each the same number.
fn expect_series(i: usize, trial: &Trial, aggregate: &TrialAggregate, theirs: &Theirs) {
    let residence = aggregate.mean_residence_ns().unwrap();
    assert_eq!(
        series::batches(longest(trial), residence),
        theirs.batches,
        "trial {i}"
    );
    let Some(batches) = theirs.batches else { return };
    for what in observed(trial.load) {
        let (ours, theirs) = (aggregate.series.values(what, batches), &theirs.series[name(what)]);
        // Tokens are kept in thousandths.
        let unit = if what == Observed::Throughput { 1e-3 } else { 1.0 };
        assert_eq!(ours.len(), theirs.len(), "trial {i}, {what:?}");
        let mean = theirs.iter().sum::<f64>() / theirs.len() as f64;
        for (a, b) in ours.iter().zip(theirs) {
            let tolerated = tolerance(what) * b.max(mean);
            assert!(
                (a * unit - b).abs() <= tolerated,
                "trial {i}, {what:?}: {ours:?}, {theirs:?}"
            );
        }
    }
}

/// The same findings, which are returned by their kind.
fn expect_findings(i: usize, found: &[Unsteady], theirs: &Theirs) -> Vec<&'static str> {
    let ours = told(found);
    let theirs: BTreeMap<&str, &(String, f64)> = theirs
        .findings
        .iter()
        .filter_map(|(what, found)| Some((what.as_str(), found.as_ref()?)))
        .collect();
    assert_eq!(
        ours.iter()
            .map(|(what, (kind, _))| (*what, *kind))
            .collect::<Vec<_>>(),
        theirs
            .iter()
            .map(|(what, (kind, _))| (*what, kind.as_str()))
            .collect::<Vec<_>>(),
        "trial {i}"
    );
    for ((what, (_, a)), (_, b)) in ours.iter().zip(theirs.values()) {
        assert!((a - b).abs() < 0.02, "trial {i}, {what}: {a}, {b}");
    }
    ours.values().map(|(kind, _)| *kind).collect()
}

#[test]
fn python_makes_the_same_series_and_findings_of_the_records() {
    let trials = trials();
    let of_trial = |trial: &Trial| {
        let each = trial.clients.iter();
        let each = each.map(|(window, records)| (*window, records.as_slice()));
        json!({"start": trial.load.start(), "clients": clients(each)})
    };
    let Some(theirs) = python("steady.py", &trials.iter().map(of_trial).collect()) else {
        return;
    };
    let theirs: Vec<Theirs> = serde_json::from_value(theirs).unwrap();
    let mut kinds = Vec::new();
    for (i, (trial, theirs)) in trials.iter().zip(&theirs).enumerate() {
        let aggregate = trial.aggregate();
        expect_series(i, trial, &aggregate, theirs);
        let residence = aggregate.mean_residence_ns().unwrap();
        let found = examine(&aggregate.series, trial.load, longest(trial), residence);
        kinds.extend(expect_findings(i, &found, theirs));
        kinds.extend(found.is_empty().then_some("steady"));
    }
    for kind in ["steady", "trend", "shift", "wandering"] {
        assert!(kinds.contains(&kind), "no {kind} among {kinds:?}");
    }
}
