//! What the journal's tests share.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use hpcbench_core::event::Draft;
use hpcbench_core::{Epoch, Timestamp};
use hpcbench_journal::{
    DirStorage, Entry, Journal, JournalError, OnSync, Opened, Opening, Storage, SyncOutcome,
};
use serde_json::{Map, Value};

/// An event of type `kind`.
pub(crate) fn draft(kind: &str, data: &Value) -> Draft {
    Draft {
        at: Timestamp::from_micros(1_764_016_496_000_001),
        kind: kind.to_owned(),
        version: 1,
        actor: "orchestrator".to_owned(),
        node: "node-1".parse().unwrap(),
        correlation: "run/1".to_owned(),
        causation: None,
        data: serde_json::value::to_raw_value(data).unwrap(),
    }
}

/// Opens the next epoch; the writers up to `dead_through` are proven dead. Returns the history read too.
pub(crate) fn open_with(
    storage: Arc<dyn Storage>,
    dead_through: Epoch,
    on_sync: OnSync,
) -> Result<(Opened, Vec<Entry>), JournalError> {
    let mut history = Vec::new();
    let opening = Opening {
        node: "node-1".parse().unwrap(),
        actor: "orchestrator".to_owned(),
        correlation: "run".to_owned(),
        data: Map::from_iter([("reason".to_owned(), Value::from("test"))]),
        dead_through,
        clock: &|| Timestamp::from_micros(1_764_016_496_000_000),
        wait: &mut |_| {},
        history: &mut |entry| history.push(entry),
    };
    Journal::open(storage, opening, on_sync).map(|opened| (opened, history))
}

pub(crate) const ALL_DEAD: Epoch = Epoch(u32::MAX);

/// Opens the next epoch of `run_dir`, all former writers being dead, and lets the outcomes be received.
pub(crate) fn open(run_dir: &Path) -> (Opened, Receiver<SyncOutcome>) {
    let (send, receive) = channel();
    let on_sync: OnSync = Box::new(move |outcome| drop(send.send(outcome)));
    let (opened, _) = open_with(Arc::new(DirStorage::new(run_dir)), ALL_DEAD, on_sync).unwrap();
    (opened, receive)
}

/// A log of `epochs`, each with so many events besides its first; the last one ends the run if `finished`.
pub(crate) fn write_log(run_dir: &Path, epochs: &[usize], finished: bool) {
    for (at, events) in epochs.iter().enumerate() {
        let (mut opened, _outcomes) = open(run_dir);
        for number in 0..*events {
            let data = serde_json::json!({"number": number, "text": "an \"escaped\" text, with ümlaut"});
            opened
                .journal
                .append(vec![draft("trial.started", &data)])
                .unwrap();
        }
        if finished && at + 1 == epochs.len() {
            let end = draft("run.completed", &serde_json::json!({"exit_code": 0}));
            opened.journal.append(vec![end]).unwrap();
        }
        opened.journal.close().unwrap();
    }
}
