//! A run's log as the journal writes it, without a run.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use hpcbench_core::event::Draft;
use hpcbench_core::{Epoch, Seq, Timestamp};
use hpcbench_journal::{DirStorage, Journal, Opening};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::common::World;

/// When the history begins: 2026-01-02T03:04:05Z.
const BEGIN: i64 = 1_767_323_045_000_000;
pub(crate) const RUN: &str = "tiny-0000";

/// An event: type, milliseconds since the beginning, cause, data.
pub(crate) type Told<'a> = (&'a str, i64, Option<u64>, Value);

/// Two epochs, the second of which begins an hour after the first was killed, by a clock that is 10 ms behind itself
/// later. Its directory.
pub(crate) fn resumed(world: &World) -> PathBuf {
    let dir = planned(world);
    let plan: Value = serde_json::from_slice(&fs::read(dir.join("plan.json")).unwrap()).unwrap();
    let created = json!({"run": RUN, "name": "tiny", "plan": plan["hash"], "recipe": "r", "trials": 1,
        "nodes": {"orchestrator": "orchestrator"}, "user": "ada", "host": "mel2041",
        "command_line": ["hpcbench", "run", "good.yaml"], "program": {"version": "0.1.0", "revision": "abc"},
        "tools": {"nats-server": "2.15.1"}});
    epoch(
        &dir,
        0,
        &[
            ("run.created", 0, None, created),
            ("phase.entered", 0, Some(2), json!({"phase": "initialize"})),
            ("bus.requested", 20, Some(3), json!({"launch": 1})),
        ],
    );
    let hour = 3_600_000;
    let resumed = json!({"user": "bob", "host": "mel2042", "command_line": ["hpcbench", "resume", "tiny"],
        "tools": {}, "retry_failed": false});
    epoch(
        &dir,
        hour,
        &[
            ("run.resumed", hour, None, resumed),
            (
                "cancel.requested",
                hour + 20,
                None,
                json!({"source": "signal", "reason": "SIGINT", "at_once": false}),
            ),
            ("Moon.Risen", hour + 10, Some(7), json!({})),
            (
                "run.cancelled",
                hour + 30,
                Some(7),
                json!({"exit_code": 1, "reason": "SIGINT"}),
            ),
        ],
    );
    dir
}

/// A run directory with a plan and no events.
pub(crate) fn planned(world: &World) -> PathBuf {
    let dir = world.path().join("runs").join(RUN);
    fs::create_dir_all(&dir).unwrap();
    let plan = world.run(&["plan", "good.yaml", "--format", "json"]).stdout;
    fs::write(dir.join("plan.json"), plan).unwrap();
    dir
}

fn epoch(dir: &std::path::Path, begins: i64, events: &[Told<'_>]) {
    let at = |millis: i64| Timestamp::from_micros(BEGIN + millis * 1000);
    let writer = json!({"writer": {"host": "mel2041", "pid": 4711, "process_start": 1, "user": "ada",
        "program": {"version": "0.1.0", "revision": "abc"}}});
    let opening = Opening {
        node: "orchestrator".parse().unwrap(),
        actor: "orchestrator".to_owned(),
        correlation: "run".to_owned(),
        data: writer.as_object().unwrap().clone(),
        dead_through: Epoch(u32::MAX),
        clock: &|| at(begins),
        wait: &mut |_| {},
        history: &mut drop,
    };
    let storage = Arc::new(DirStorage::new(dir));
    let mut journal = Journal::open(storage, opening, Box::new(drop)).unwrap().journal;
    let drafts = events.iter().map(|(kind, millis, cause, data)| Draft {
        at: at(*millis),
        kind: (*kind).to_owned(),
        version: 1,
        actor: "orchestrator".to_owned(),
        node: "orchestrator".parse().unwrap(),
        correlation: "run".to_owned(),
        causation: cause.map(Seq),
        data: RawValue::from_string(data.to_string()).unwrap(),
    });
    journal.append(drafts.collect()).unwrap();
    journal.close().unwrap();
}
