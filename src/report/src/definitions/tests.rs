use std::convert::Infallible;

use hpcbench_core::{Attempt, TrialId};
use hpcbench_stats::{Definitions, Recomputation, Recomputed};
use serde_json::Value;

use super::*;
use crate::testing::{Story, quickstart, troubled};

fn report(view: &RunView, of: impl Fn(Recomputation) -> Option<Recomputed>) -> DefinitionsReport<'_> {
    let recompute = |_: &TrialId, _: Attempt, empty: Recomputation| Ok::<_, Infallible>(of(empty));
    DefinitionsReport::of(view, Definitions::Vllm, recompute).unwrap()
}

/// Every trial with no request, but the first's numbers made up.
fn numbers(empty: Recomputation) -> Recomputed {
    let mut recomputed = empty.finish();
    recomputed.requests.completed = 1229;
    recomputed.requests.failed = 5;
    let ttft = recomputed.distributions.first_mut().unwrap();
    ttft.count = 975;
    ttft.absent = None;
    for (statistic, value) in [
        (&mut ttft.mean, 51.25),
        (&mut ttft.std, 1.5),
        (&mut ttft.min, 49.0),
        (&mut ttft.p50, 51.0),
        (&mut ttft.p90, 60.0),
        (&mut ttft.p95, 65.5),
        (&mut ttft.p99, 130.25),
        (&mut ttft.max, 1500.0),
    ] {
        *statistic = Some(value);
    }
    let duration = recomputed.values.first_mut().unwrap();
    (duration.value, duration.absent) = (Some(60.0), None);
    recomputed
}

#[test]
fn people_get_a_line_a_metric() {
    let view = quickstart().view();
    insta::assert_snapshot!(report(&view, |empty| Some(numbers(empty))).to_text(Style::PLAIN));
}

#[test]
fn a_trial_without_records_says_so() {
    let story: Story = troubled();
    let view = story.view();
    let report = report(&view, |_| None);
    insta::assert_snapshot!(report.to_text(Style::PLAIN));
    let document: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    let trial = &document["trials"][0];
    assert_eq!(
        (&trial["missing"], &trial["values"]),
        (&NO_RECORDS.into(), &Value::Null)
    );
    let csv = report.to_csv();
    assert!(
        csv.lines().skip(1).all(|line| line.ends_with(NO_RECORDS)),
        "{csv}"
    );
}

#[test]
fn records_that_are_not_all_there_are_told() {
    let view = quickstart().view();
    let few = |empty: Recomputation| Some(empty.finish());
    let report = report(&view, few);
    let missing = report.trials[0].missing.as_deref().unwrap();
    assert!(
        missing.starts_with("records of 0 requests are there, of "),
        "{missing}"
    );
    assert!(report.to_text(Style::PLAIN).contains(missing));
}

#[test]
fn the_document_has_the_layout_that_scripts_rely_on() {
    let story = quickstart();
    let view = story.view();
    let mut report = report(&view, |empty| Some(numbers(empty)));
    report.trials.truncate(1);
    insta::assert_snapshot!(
        report
            .to_json()
            .unwrap()
            .replace(&story.plan.hash, "HASH OF THE PLAN")
    );
}

#[test]
fn every_row_has_a_cell_for_every_column() {
    let view = quickstart().view();
    let csv = report(&view, |empty| Some(numbers(empty))).to_csv();
    let mut lines = csv.lines();
    let columns = lines.next().unwrap().split(',').count();
    assert!(lines.all(|line| line.split(',').count() == columns), "{csv}");
    let ttft = csv.lines().nth(1).unwrap();
    assert!(
        ttft.contains(",vllm,ttft,ms,,975,51.25,1.5,49,51,60,65.5,130.25,1500,"),
        "{ttft}"
    );
}
