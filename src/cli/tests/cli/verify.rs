//! `verify`, as far as it needs no run.

use std::fs;

use crate::common::World;

#[test]
fn a_run_that_is_not_there_is_bad_usage() {
    let world = World::new();
    world
        .run(&["verify", "no-such-run"])
        .expect_refused(2, &["no-such-run"]);
    world
        .run(&["verify", "./no/such/directory"])
        .expect_refused(2, &["./no/such/directory"]);
}

#[test]
fn a_report_of_an_end_that_is_not_in_the_log_does_not_verify() {
    let world = World::with_recipe();
    let run = world.path().join("runs/20260101-000000-tiny-0000");
    fs::create_dir_all(run.join("events")).unwrap();
    fs::create_dir(run.join("report")).unwrap();
    let plan = world.run(&["plan", "good.yaml", "--format", "json"]).stdout;
    fs::write(run.join("plan.json"), plan).unwrap();
    let untouched = world.run(&["verify", "20260101"]);
    assert_eq!(untouched.code, Some(0), "{untouched:?}");
    assert!(untouched.stdout.contains("intact, 0 events"), "{untouched:?}");

    fs::write(run.join("report/summary.json"), r#"{"chain_head": "00ff"}"#).unwrap();
    let finished = world.run(&["verify", "20260101", "--format", "json"]);
    assert_eq!(finished.code, Some(4), "{finished:?}");
    let report = finished.json();
    let fields: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["ok", "events", "epochs", "head", "problems", "notes"]);
    assert_eq!(report["ok"], false);
    let problem = report["problems"][0].as_object().unwrap();
    assert_eq!(
        problem.keys().collect::<Vec<_>>(),
        ["file", "line", "seq", "message"]
    );
    assert_eq!(problem["file"], "report/summary.json");
    let in_words = world.run(&["verify", "20260101"]);
    assert_eq!(in_words.code, Some(4));
    assert!(
        in_words.stdout.contains("problem: report/summary.json: "),
        "{in_words:?}"
    );
}
