use std::fs;
use std::os::unix::fs::PermissionsExt;

use hpcbench_core::Attempt;
use hpcbench_core::event::{TrialFailed, TrialStarted};

use super::*;
use crate::testing::{Story, interrupted_and_cancelled, measured, plan, quickstart, troubled};

fn json(story: &Story) -> Value {
    serde_json::from_str(&Summary::of(&story.view()).to_json().unwrap()).unwrap()
}

#[test]
fn the_document_has_the_layout_that_scripts_rely_on() {
    let story = troubled();
    let text = Summary::of(&story.view()).to_json().unwrap();
    insta::assert_snapshot!(text.replace(&story.plan.hash, "HASH OF THE PLAN"));
}

#[test]
fn the_chain_head_is_the_hash_of_the_event_that_ended_the_run() {
    let mut story = quickstart();
    let last = story.events.last().unwrap();
    let expected = Story::hash(last).to_string();
    assert_eq!(json(&story)["chain_head"], expected);
    story.events.pop();
    assert_eq!(json(&story)["chain_head"], Value::Null);
}

#[test]
fn only_settled_trials_have_results() {
    assert_eq!(
        json(&interrupted_and_cancelled())["trials"],
        Value::Array(Vec::new())
    );
    let ids = |story: &Story| -> Vec<Value> {
        let summary = json(story);
        summary["trials"]
            .as_array()
            .unwrap()
            .iter()
            .map(|trial| trial["id"].clone())
            .collect()
    };
    let mut story = quickstart();
    let trial = story.plan.trials[1].id.clone();
    assert_eq!(ids(&story).len(), 3);
    // Its result does not count any more once it is attempted again.
    let (attempt, clients) = (Attempt(2), Vec::new());
    story.tell(TrialStarted {
        trial: trial.clone(),
        attempt,
        clients,
    });
    assert_eq!(ids(&story).len(), 2);
    assert!(!ids(&story).contains(&trial.as_str().into()));
}

#[test]
fn a_failed_trial_is_invalid_whatever_was_measured() {
    let mut story = Story::new(plan("{}"));
    let trial = story.plan.trials[0].id.clone();
    let failed = TrialFailed {
        trial,
        attempt: Attempt(1),
        reason: "the service died".to_owned(),
        log_tail: Vec::new(),
        summary: Some(measured(1.0)),
    };
    let summary = json(story.tell(failed));
    let trial = &summary["trials"][0];
    assert_eq!(trial["verdict"]["status"], "invalid");
    assert_eq!(trial["verdict"]["reasons"][0], "the service died");
    assert_eq!(trial["requests"]["ok"], 1234);
}

#[test]
fn the_table_has_a_row_a_trial_and_quotes_what_needs_it() {
    let mut story = troubled();
    let Some(trial) = story.plan.trials.get_mut(1) else {
        unreachable!()
    };
    trial
        .parameters
        .insert("service.model".to_owned(), "a \"b\", c".into());
    let table = Summary::of(&story.view()).to_csv();
    insta::assert_snapshot!(table);
    let columns: Vec<usize> = table.lines().map(quoted_columns).collect();
    assert_eq!(columns, [columns[0]; 4], "{table}");
}

/// How many cells a line has whose texts have no line ends.
fn quoted_columns(line: &str) -> usize {
    let outside = line.split('"').step_by(2);
    1 + outside.map(|text| text.matches(',').count()).sum::<usize>()
}

#[test]
fn reports_are_written_for_the_owner_and_replace_former_ones() {
    let run = tempfile::tempdir().unwrap();
    quickstart().write(run.path());
    let written = write_reports(run.path()).unwrap();
    let report = run.path().join("report");
    assert_eq!(written, [report.join("summary.csv"), report.join("summary.json")]);
    fs::write(&written[1], "old").unwrap();
    fs::write(report.join("summary.json.tmp"), "left by a killed writer").unwrap();
    assert_eq!(write_reports(run.path()).unwrap(), written);
    let summary: Value = serde_json::from_slice(&fs::read(&written[1]).unwrap()).unwrap();
    assert_eq!(summary["trials"].as_array().map(Vec::len), Some(3));
    assert_eq!(fs::read_dir(&report).unwrap().count(), 2, "something is left");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        written.iter().map(|path| mode(path)).collect::<Vec<_>>(),
        [0o600, 0o600]
    );
    assert_eq!(mode(&report), 0o700);
    // The log and its report belong together.
    let verified = hpcbench_journal::verify(run.path()).unwrap();
    let of_report = verified
        .problems
        .iter()
        .filter(|problem| problem.file.starts_with("report/"));
    assert_eq!(of_report.count(), 0, "{verified:?}");
}
