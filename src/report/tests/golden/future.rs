//! What a later version may write is kept and shown by this one, though it does not understand it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hpcbench_core::event::Draft;
use hpcbench_core::{Epoch, Timestamp};
use hpcbench_journal::{DirStorage, Journal, Opening};
use hpcbench_report::live::EventLines;
use hpcbench_report::{RunView, Style, Timeline, Until, history, read_plan};
use serde_json::value::RawValue;
use serde_json::{Map, json};

use crate::run;

/// A type that nobody knows, and a version of a type that nobody knows, each with its data.
const NEWS: [(&str, u16, &str); 2] = [
    ("comet.sighted", 1, r#"{"tail":  [3, "long"]}"#),
    ("cancel.requested", 99, r#"{"by":{"user":"ada"}}"#),
];

fn draft(kind: &str, version: u16, data: &str) -> Draft {
    Draft {
        at: Timestamp::from_micros(1_800_000_000_000_000),
        kind: kind.to_owned(),
        version,
        actor: "orchestrator".to_owned(),
        node: "orchestrator".parse().unwrap(),
        correlation: "run".to_owned(),
        causation: None,
        data: RawValue::from_string(data.to_owned()).unwrap(),
    }
}

/// A golden run that a later version has gone on with.
fn continued() -> tempfile::TempDir {
    let (dir, from) = (tempfile::tempdir().unwrap(), run("completed"));
    fs::create_dir(dir.path().join("events")).unwrap();
    for file in ["plan.json", "events/000001.jsonl"] {
        fs::copy(from.join(file), dir.path().join(file)).unwrap();
    }
    let program = json!({"version": "9.0.0", "revision": "unknown"});
    let writer = json!({"host": "bench1", "pid": 1, "process_start": 1, "user": "bench", "program": program});
    let opening = Opening {
        node: "orchestrator".parse().unwrap(),
        actor: "orchestrator".to_owned(),
        correlation: "run".to_owned(),
        data: Map::from_iter([("writer".to_owned(), writer)]),
        dead_through: Epoch(1),
        clock: &|| Timestamp::from_micros(1_800_000_000_000_000),
        wait: &mut |_| {},
        history: &mut drop,
    };
    let storage = Arc::new(DirStorage::new(dir.path()));
    let mut journal = Journal::open(storage, opening, Box::new(drop)).unwrap().journal;
    let news = NEWS.map(|(kind, version, data)| draft(kind, version, data));
    journal.append(news.to_vec()).unwrap();
    journal.close().unwrap();
    dir
}

fn lines(run_dir: &Path) -> Vec<String> {
    let entries = history(run_dir, Until::End).unwrap();
    entries
        .map(|entry| String::from_utf8(entry.unwrap().line.to_vec()).unwrap())
        .collect()
}

#[test]
fn it_stays_in_the_history_as_it_was_written() {
    let dir = continued();
    let lines = lines(dir.path());
    for ((kind, version, data), line) in NEWS.iter().zip(&lines[lines.len() - NEWS.len()..]) {
        let head = format!(r#""type":"{kind}","v":{version},"#);
        assert!(line.contains(&head) && line.contains(data), "{line}");
    }
}

#[test]
fn it_is_an_anomaly_of_the_state_and_changes_nothing_else() {
    let dir = continued();
    let state = RunView::load(dir.path()).unwrap().state;
    let noted: Vec<String> = state
        .anomalies
        .iter()
        .map(|anomaly| serde_json::to_string(anomaly).unwrap())
        .collect();
    assert_eq!(noted.len(), NEWS.len(), "{noted:?}");
    assert!(
        noted[0].contains("comet.sighted") && noted[0].contains("not known"),
        "{noted:?}"
    );
    assert!(
        noted[1].contains("cancel.requested") && noted[1].contains("newer"),
        "{noted:?}"
    );
    assert_eq!(state.cancel, None);
    let before = RunView::load(&run("completed")).unwrap().state;
    assert_eq!((state.outcome, state.trials), (before.outcome, before.trials));
}

#[test]
fn it_is_shown() {
    let dir = continued();
    let plan = read_plan(dir.path()).unwrap();
    let (mut timeline, told) = (Timeline::new(&plan), EventLines::of(&plan));
    let mut words = Vec::new();
    for entry in history(dir.path(), Until::End).unwrap() {
        let event = hpcbench_core::upcast(entry.unwrap().event);
        timeline.take(&event);
        words.push(told.tell(&event));
    }
    let rendered = timeline.render(Style::PLAIN);
    for (index, (kind, ..)) in NEWS.iter().enumerate() {
        assert!(rendered.contains(kind), "{kind}\n{rendered}");
        let line = &words[words.len() - NEWS.len() + index];
        assert!(line.contains(kind), "{line}");
    }
}
