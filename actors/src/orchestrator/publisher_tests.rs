//! What reaches a bus, and the log as a bus in need of it reads it.

use std::path::Path;

use hpcbench_core::event::Draft;
use hpcbench_core::{Epoch, Timestamp};
use hpcbench_journal::{DirStorage, Journal, Opening};
use serde_json::Map;
use serde_json::value::RawValue;

use super::*;

const EVENTS: u64 = 10_000;
const STEP: usize = 512;

fn open(run_dir: &Path) -> Journal {
    let opening = Opening {
        node: "n1".parse().unwrap(),
        actor: "orchestrator".to_owned(),
        correlation: "run".to_owned(),
        data: Map::new(),
        dead_through: Epoch(u32::MAX),
        clock: &|| Timestamp::from_micros(0),
        wait: &mut |_| {},
        history: &mut drop,
    };
    Journal::open(Arc::new(DirStorage::new(run_dir)), opening, Box::new(drop))
        .unwrap()
        .journal
}

fn draft() -> Draft {
    Draft {
        at: Timestamp::from_micros(0),
        kind: "trial.started".to_owned(),
        version: 1,
        actor: "orchestrator".to_owned(),
        node: "n1".parse().unwrap(),
        correlation: "run".to_owned(),
        causation: None,
        data: RawValue::from_string("{}".to_owned()).unwrap(),
    }
}

/// A log of two epochs.
fn log() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut journal = open(dir.path());
        let drafts = (1..EVENTS / 2).map(|_| draft()).collect();
        journal.append(drafts).unwrap();
        journal.close().unwrap();
    }
    dir
}

impl LogReader {
    fn position(&self) -> Option<Seq> {
        self.0.open.lock().unwrap().as_ref().map(|(next, _)| *next)
    }
}

#[tokio::test]
async fn a_long_log_is_read_once() {
    let dir = log();
    let log = LogReader::new(dir.path().to_path_buf());
    let mut next = Seq(1);
    while next.0 <= EVENTS {
        let lines = log.read(next, STEP).await.unwrap();
        assert!(lines.iter().zip(next.0..).all(|(line, seq)| line.seq.0 == seq));
        next = Seq(next.0 + lines.len() as u64);
        // It goes on from where it is, until it has seen the end.
        let at_end = lines.len() < STEP;
        assert_eq!(log.position(), (!at_end).then_some(next));
    }
    assert_eq!(next, Seq(EVENTS + 1));
}

#[tokio::test]
async fn any_place_can_be_asked_for() {
    let dir = log();
    let log = LogReader::new(dir.path().to_path_buf());
    for from in [9_000, 9_001, 3, 3, EVENTS] {
        let lines = log.read(Seq(from), 1).await.unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].seq, Seq(from));
    }
    assert!(log.read(Seq(EVENTS + 1), 5).await.unwrap().is_empty());
    // What is appended later is found.
    let mut journal = open(dir.path());
    journal.append(vec![draft()]).unwrap();
    journal.close().unwrap();
    assert_eq!(log.read(Seq(EVENTS + 1), 5).await.unwrap().len(), 2);
}

#[actix::test]
async fn a_bus_that_comes_late_gets_more_than_could_wait() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    let slot = BusSlot::new();
    let publisher = Publisher::start(dir.path().to_path_buf(), slot.clone());
    let batches: Vec<_> = (0..MAX_WAITING + 10)
        .map(|_| journal.append(vec![draft()]).unwrap())
        .collect();
    let head = journal.head().seq;
    journal.close().unwrap();
    for batch in batches {
        publisher.publish(batch);
    }
    let bus = hpcbench_nats::MemoryBus::new();
    slot.fill(Arc::new(bus.orchestrator()));
    publisher.flush(head, Duration::from_secs(20)).await;
    let seqs: Vec<u64> = bus.events().iter().map(|line| line.seq.0).collect();
    assert_eq!(seqs, (1..=head.0).collect::<Vec<_>>());
}
