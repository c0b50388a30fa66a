//! `verify` of a whole run directory: side files, the report, and the JSON that scripts read.

use std::fs;
use std::path::Path;

use crate::common::{draft, open};
use hpcbench_core::Seq;
use hpcbench_journal::{Head, LineHash, Problem, verify};
use serde_json::{Value, json};

/// Appends events to a new epoch and returns the end of the log.
fn append(run_dir: &Path, events: &[(&str, Value)]) -> Head {
    let (mut opened, _outcomes) = open(run_dir);
    let drafts = events.iter().map(|(kind, data)| draft(kind, data)).collect();
    opened.journal.append(drafts).unwrap();
    opened.journal.close().unwrap()
}

fn recorded(path: &str, bytes: &[u8]) -> (&'static str, Value) {
    (
        "artifact.recorded",
        json!({"path": path, "bytes": bytes.len(), "sha256": LineHash::of(bytes)}),
    )
}

fn only_problem(run_dir: &Path) -> Problem {
    let report = verify(run_dir).unwrap();
    assert!(!report.ok);
    assert_eq!(report.problems.len(), 1, "{report:#?}");
    report.problems.into_iter().next().unwrap()
}

#[test]
fn side_files_may_grow_but_not_change() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("plan.json");
    fs::write(&file, b"the plan").unwrap();
    append(dir.path(), &[recorded("plan.json", b"the plan")]);
    assert!(verify(dir.path()).unwrap().ok);

    fs::write(&file, b"the plan, and more").unwrap();
    assert!(verify(dir.path()).unwrap().ok);

    fs::write(&file, b"THE PLAN").unwrap();
    let problem = only_problem(dir.path());
    assert_eq!(
        (&*problem.file, problem.line, problem.seq),
        ("plan.json", None, Some(Seq(2)))
    );

    fs::write(&file, b"the").unwrap();
    assert!(only_problem(dir.path()).message.contains("3 bytes"));

    fs::remove_file(&file).unwrap();
    assert!(only_problem(dir.path()).message.contains("cannot be read"));
}

#[test]
fn replaced_and_removed_side_files_are_respected() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), b"new").unwrap();
    let (_, replacement) = recorded("a", b"new");
    append(
        dir.path(),
        &[
            recorded("a", b"old"),
            recorded("b", b"gone"),
            recorded("c", b"moved"),
            ("artifact.replaced", replacement),
            ("artifact.removed", json!({"path": "b", "reason": "retention"})),
            ("artifact.replaced", json!({"path": "c", "by": ["c.1"]})),
        ],
    );
    let report = verify(dir.path()).unwrap();
    assert!(report.ok, "{report:#?}");
}

#[test]
fn paths_out_of_the_run_directory_and_events_without_digest_are_problems() {
    for (path, bytes) in [
        ("../outside", json!(1)),
        ("/etc/hostname", json!(1)),
        ("inside", Value::Null),
    ] {
        let dir = tempfile::tempdir().unwrap();
        append(
            dir.path(),
            &[(
                "artifact.recorded",
                json!({"path": path, "bytes": bytes, "sha256": "00".repeat(32)}),
            )],
        );
        assert_eq!(only_problem(dir.path()).seq, Some(Seq(2)));
    }
}

#[test]
fn the_reports_chain_head_is_the_terminal_events_hash() {
    let dir = tempfile::tempdir().unwrap();
    let end = append(dir.path(), &[("run.completed", json!({"exit_code": 0}))]);
    fs::create_dir(dir.path().join("report")).unwrap();
    let summary = dir.path().join("report/summary.json");
    let write =
        |head: &Value| fs::write(&summary, json!({"run": "r", "chain_head": head}).to_string()).unwrap();

    write(&json!(end.hash));
    assert!(verify(dir.path()).unwrap().ok);
    write(&Value::Null);
    assert!(verify(dir.path()).unwrap().ok);
    write(&json!("00".repeat(32)));
    assert_eq!(only_problem(dir.path()).file, "report/summary.json");

    // Cleaning after the end, in an epoch of its own, changes nothing; ending again is noted.
    write(&json!(end.hash));
    append(dir.path(), &[("thing.happened", json!({}))]);
    assert!(verify(dir.path()).unwrap().ok);
    append(dir.path(), &[("run.failed", json!({"exit_code": 1}))]);
    let report = verify(dir.path()).unwrap();
    assert!(report.ok);
    assert!(report.notes[0].contains("ended again"), "{report:#?}");
}

#[test]
fn a_terminal_event_that_was_cut_off_is_found_by_the_report() {
    let dir = tempfile::tempdir().unwrap();
    let end = append(dir.path(), &[("run.completed", json!({"exit_code": 0}))]);
    fs::create_dir(dir.path().join("report")).unwrap();
    fs::write(
        dir.path().join("report/summary.json"),
        json!({"chain_head": end.hash}).to_string(),
    )
    .unwrap();
    let log = dir.path().join("events/000001.jsonl");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 40]).unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(!report.ok);
    let places: Vec<_> = report
        .problems
        .iter()
        .map(|p| (&*p.file, p.line, p.seq))
        .collect();
    assert_eq!(
        places,
        [
            ("report/summary.json", None, None),
            ("events/000001.jsonl", Some(2), Some(Seq(2)))
        ]
    );
}

#[test]
fn the_report_is_the_documented_json() {
    let dir = tempfile::tempdir().unwrap();
    let head = append(dir.path(), &[recorded("missing", b"x")]);
    let report = serde_json::to_value(verify(dir.path()).unwrap()).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(report["events"], 2);
    assert_eq!(report["epochs"], 1);
    assert_eq!(report["head"], json!({"seq": 2, "hash": head.hash.to_string()}));
    assert_eq!(report["problems"][0]["file"], "missing");
    assert_eq!(report["problems"][0]["line"], Value::Null);
    assert_eq!(report["problems"][0]["seq"], 2);
    assert!(report["problems"][0]["message"].is_string());
    assert_eq!(report["notes"], json!([]));
}

#[test]
fn a_run_without_a_log_has_no_event() {
    let dir = tempfile::tempdir().unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.ok);
    assert_eq!((report.events, report.notes.len()), (0, 1));
}
