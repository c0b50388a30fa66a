//! The journal and its thread on a disk that fails.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use crate::common::{ALL_DEAD, draft, open_with};
use hpcbench_core::Seq;
use hpcbench_core::event::Draft;
use hpcbench_journal::sim::SimDisk;
use hpcbench_journal::{Journal, JournalError, MAX_QUEUED_LINES, OnSync, SyncOutcome, verify_log};
use serde_json::json;

fn open(disk: &SimDisk) -> (Journal, Receiver<SyncOutcome>) {
    let (send, receive) = channel();
    let on_sync: OnSync = Box::new(move |outcome| drop(send.send(outcome)));
    (
        open_with(Arc::new(disk.clone()), ALL_DEAD, on_sync)
            .unwrap()
            .0
            .journal,
        receive,
    )
}

fn event() -> Draft {
    draft("thing.happened", &json!({}))
}

#[test]
fn a_failed_sync_poisons_the_log() {
    for operations in [1, 2] {
        let disk = SimDisk::new(operations);
        let (mut journal, outcomes) = open(&disk);
        disk.halt_after(operations);
        journal.append(vec![event()]).unwrap();
        assert!(matches!(outcomes.recv().unwrap(), SyncOutcome::Failed(_)));
        assert!(outcomes.recv().is_err(), "nothing is told after a failure");
        disk.restart();
        assert!(matches!(
            journal.append(vec![event()]),
            Err(JournalError::Poisoned(_))
        ));
        assert!(matches!(journal.durable(), Err(JournalError::Poisoned(_))));
        assert!(matches!(journal.close(), Err(JournalError::Poisoned(_))));
    }
}

#[test]
fn a_full_queue_refuses_whole_appends_and_changes_nothing() {
    let disk = SimDisk::new(0);
    let (mut journal, outcomes) = open(&disk);
    let many = (0..=MAX_QUEUED_LINES).map(|_| event()).collect();
    assert!(matches!(
        journal.append(many),
        Err(JournalError::QueueFull { .. })
    ));
    assert_eq!(journal.head().seq, Seq(1));
    journal.append(vec![event()]).unwrap();
    assert_eq!(journal.close().unwrap().seq, Seq(2));
    assert_eq!(outcomes.iter().count(), 1);
    assert!(verify_log(Arc::new(disk)).unwrap().ok);
}

#[test]
fn what_waits_at_the_end_is_written() {
    let disk = SimDisk::new(0);
    let (mut journal, outcomes) = open(&disk);
    for _ in 0..1_000 {
        journal.append(vec![event()]).unwrap();
    }
    drop(journal);
    let synced: usize = outcomes
        .iter()
        .map(|outcome| match outcome {
            SyncOutcome::Synced { entries, .. } => entries.len(),
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(synced, 1_000);
    assert_eq!(verify_log(Arc::new(disk)).unwrap().events, 1_001);
}

#[test]
fn a_callback_that_panics_closes_the_log() {
    let disk = SimDisk::new(0);
    let on_sync: OnSync = Box::new(|_| panic!("on purpose"));
    let mut journal = open_with(Arc::new(disk), ALL_DEAD, on_sync).unwrap().0.journal;
    journal.append(vec![event()]).unwrap();
    let refused = loop {
        if let Err(error) = journal.append(vec![event()]) {
            break error;
        }
        std::thread::yield_now();
    };
    assert!(
        matches!(refused, JournalError::Closed | JournalError::QueueFull { .. }),
        "{refused:?}"
    );
    assert!(matches!(journal.close(), Err(JournalError::Panicked)));
}
