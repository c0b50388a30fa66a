//! Following real logs where there is no bus. With a bus: the end-to-end tests.

use std::fs;
use std::sync::Arc;

use hpcbench_actors::shell::hostname;
use hpcbench_core::event::Draft;
use hpcbench_core::{Epoch, Timestamp};
use hpcbench_journal::{DirStorage, Journal, Opening};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);
/// Some time ago.
const THEN: i64 = 1_764_016_496_000_000;

/// Opens the next epoch of a run whose writer is gone.
fn open(run_dir: &Path) -> Journal {
    let writer = json!({"host": hostname(), "pid": u32::MAX, "process_start": 1, "user": "u",
        "program": {"version": "1", "revision": "r"}});
    let opening = Opening {
        node: "n".parse().unwrap(),
        actor: "orchestrator".to_owned(),
        correlation: "run".to_owned(),
        data: Map::from_iter([("writer".to_owned(), writer)]),
        dead_through: Epoch(u32::MAX),
        clock: &|| Timestamp::from_micros(THEN),
        wait: &mut |_| {},
        history: &mut |_| {},
    };
    let storage = Arc::new(DirStorage::new(run_dir));
    Journal::open(storage, opening, Box::new(|_| {})).unwrap().journal
}

fn append(journal: &mut Journal, kind: &str, data: &Value) {
    let draft = Draft {
        at: Timestamp::from_micros(THEN),
        kind: kind.to_owned(),
        version: 1,
        actor: "orchestrator".to_owned(),
        node: "n".parse().unwrap(),
        correlation: "run".to_owned(),
        causation: None,
        data: serde_json::value::to_raw_value(data).unwrap(),
    };
    journal.append(vec![draft]).unwrap();
}

/// Writes an epoch of two events, or three if it ends the run.
fn epoch(run_dir: &Path, exit_code: Option<u8>) {
    let mut journal = open(run_dir);
    append(&mut journal, "thing.happened", &json!({}));
    if let Some(exit_code) = exit_code {
        append(&mut journal, "run.completed", &json!({"exit_code": exit_code}));
    }
    journal.close().unwrap();
}

/// The steps up to one that is wanted, in short: events as their numbers.
async fn steps(feed: &mut Feed, last: &str) -> Vec<String> {
    let mut steps = Vec::new();
    while steps.last().is_none_or(|step| step != last) {
        let step = tokio::time::timeout(PATIENCE, feed.next()).await;
        let step = step.unwrap_or_else(|_| panic!("{last} does not come after {steps:?}"));
        steps.push(match step.unwrap() {
            Step::Event(line) => line.seq().to_string(),
            Step::Discarded { from } => format!("discarded {from}"),
            Step::CaughtUp(seq) => format!("caught up {seq}"),
            Step::NotBegun => "not begun".to_owned(),
            Step::WriterGone(_) => "gone".to_owned(),
            Step::Silent(_) => "silent".to_owned(),
            Step::Ended(exit_code) => format!("ended {exit_code}"),
            Step::Pause => continue,
        });
    }
    steps
}

#[tokio::test]
async fn a_run_that_has_ended_is_shown_to_its_end() {
    let run = TempDir::new().unwrap();
    epoch(run.path(), Some(1));
    let mut feed = Feed::new(run.path(), Seq(1));
    assert_eq!(steps(&mut feed, "ended 1").await, ["1", "2", "3", "ended 1"]);
    let mut feed = Feed::new(run.path(), Seq(3));
    assert_eq!(steps(&mut feed, "ended 1").await, ["3", "ended 1"]);
    let mut feed = Feed::new(run.path(), Seq(100));
    assert_eq!(steps(&mut feed, "ended 1").await, ["ended 1"]);
}

#[tokio::test]
async fn the_end_of_a_run_that_was_taken_up_again_is_no_end() {
    let run = TempDir::new().unwrap();
    epoch(run.path(), Some(1));
    epoch(run.path(), Some(0));
    let mut feed = Feed::new(run.path(), Seq(1));
    assert_eq!(
        steps(&mut feed, "ended 0").await,
        ["1", "2", "3", "4", "5", "6", "ended 0"]
    );
}

#[tokio::test]
async fn an_interrupted_run_is_told_and_waited_for() {
    let run = TempDir::new().unwrap();
    let mut feed = Feed::new(run.path(), Seq(1));
    assert_eq!(steps(&mut feed, "not begun").await, ["not begun"]);
    epoch(run.path(), None);
    assert_eq!(steps(&mut feed, "gone").await, ["1", "2", "caught up 2", "gone"]);
    epoch(run.path(), None);
    assert_eq!(steps(&mut feed, "gone").await, ["3", "4", "gone"]);
    epoch(run.path(), Some(0));
    assert_eq!(steps(&mut feed, "ended 0").await, ["5", "6", "7", "ended 0"]);
}

#[tokio::test]
async fn events_that_a_successor_did_not_accept_are_told() {
    let [run, elsewhere] = [(); 2].map(|()| TempDir::new().unwrap());
    let file = |folder: &TempDir, epoch: u32| folder.path().join(format!("events/{epoch:06}.jsonl"));
    // The successor read the log before the former writer's last event was there.
    let mut former = open(run.path());
    append(&mut former, "thing.happened", &json!({}));
    while former.durable().unwrap() < former.head().seq {
        tokio::task::yield_now().await;
    }
    fs::create_dir(elsewhere.path().join("events")).unwrap();
    fs::copy(file(&run, 1), file(&elsewhere, 1)).unwrap();
    append(&mut former, "run.completed", &json!({"exit_code": 0}));
    former.close().unwrap();
    epoch(elsewhere.path(), Some(1));

    let mut feed = Feed::new(run.path(), Seq(1));
    assert_eq!(steps(&mut feed, "3").await, ["1", "2", "3"]);
    fs::copy(file(&elsewhere, 2), file(&run, 2)).unwrap();
    assert_eq!(
        steps(&mut feed, "ended 1").await,
        ["discarded 3", "3", "4", "5", "ended 1"]
    );
}

#[tokio::test]
async fn a_damaged_log_is_an_error_after_what_comes_before() {
    let run = TempDir::new().unwrap();
    epoch(run.path(), Some(0));
    let file = run.path().join("events/000001.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("thing.happened", "thing.vanished")).unwrap();
    let mut feed = Feed::new(run.path(), Seq(1));
    assert_eq!(steps(&mut feed, "1").await, ["1"]);
    let error = loop {
        match tokio::time::timeout(PATIENCE, feed.next()).await.unwrap() {
            Ok(Step::Pause) => {}
            Ok(step) => panic!("{step:?}"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("damaged"), "{error}");
}
