//! The machine over a real journal in a temporary directory.

use std::collections::BTreeMap;

use hpcbench_core::event::{Body, CancelRequested, Program, RunCreated};
use hpcbench_core::{Epoch, Phase, Role, TrialId};
use hpcbench_journal::{DirStorage, Opening};

use super::*;
use hpcbench_core::{InstanceId, JobPolicy, ServiceOutline, TrialOutline};

fn outline() -> Arc<Outline> {
    let node = |name: &str| name.parse::<NodeId>().unwrap();
    let trial: TrialId = "0123456789ab-r1".parse().unwrap();
    Arc::new(Outline {
        nodes: BTreeMap::from([
            (node("orchestrator"), Role::Orchestrator),
            (node("server"), Role::Server),
            (node("client"), Role::Client),
        ]),
        services: vec![ServiceOutline {
            setup: 0,
            spans: Vec::new(),
            instances: BTreeMap::from([(InstanceId::new(&node("server"), 0), node("server"))]),
            outfit_within: 0.0,
            ready_within: 1.0,
            restarts: 0,
            restart_backoff: 0.0,
        }],
        trials: vec![TrialOutline {
            id: trial,
            service: 0,
            clients: [node("client")].into(),
            load_at_least: 0.0,
            load_within: Some(1.0),
        }],
        search: None,
        policy: JobPolicy::default(),
    })
}

fn machine(run_dir: &Path) -> Machine {
    let node: NodeId = "orchestrator".parse().unwrap();
    let opening = Opening {
        node: node.clone(),
        actor: "orchestrator".to_owned(),
        correlation: "run".to_owned(),
        data: serde_json::Map::from_iter([("writer".to_owned(), writer())]),
        dead_through: Epoch(0),
        clock: &|| Timestamp::from_micros(1),
        wait: &mut |_| {},
        history: &mut |_| {},
    };
    let opened = Journal::open(Arc::new(DirStorage::new(run_dir)), opening, Box::new(|_| {})).unwrap();
    let state = evolve(State::new(outline()), &upcast(opened.started.event.clone()));
    Machine::new(run_dir.to_path_buf(), node, state, opened.journal)
}

fn writer() -> serde_json::Value {
    let program = serde_json::json!({"version": "0", "revision": "x"});
    serde_json::json!({"host": "h", "pid": 1, "process_start": 1, "user": "u", "program": program})
}

fn create() -> Command {
    Command::Create(RunCreated {
        run: "r1".parse().unwrap(),
        name: "test".to_owned(),
        plan: String::new(),
        recipe: String::new(),
        trials: 1,
        nodes: BTreeMap::new(),
        user: "u".to_owned(),
        host: "h".to_owned(),
        command_line: Vec::new(),
        program: Program {
            version: "0".to_owned(),
            revision: "x".to_owned(),
        },
        tools: BTreeMap::new(),
    })
}

fn events(taken: Taken) -> Vec<Appended> {
    match taken {
        Taken::Events(events) => events,
        Taken::Rejected(rejection) => panic!("{rejection}"),
    }
}

#[test]
fn what_is_decided_is_what_the_log_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = machine(dir.path());
    let appended = events(
        machine
            .take(&create(), Some(Seq(1)), Timestamp::from_micros(2))
            .unwrap(),
    );
    let bodies: Vec<&str> = appended.iter().map(|one| one.event.body.kind()).collect();
    assert_eq!(bodies, ["run.created", "phase.entered", "bus.requested"]);
    assert_eq!(appended[2].effects, [Effect::StartBus { launch: 1 }]);
    // The first was caused by what led to the command, each other one by the one before.
    let causes: Vec<_> = appended.iter().map(|one| one.event.causation).collect();
    assert_eq!(causes, [Some(Seq(1)), Some(Seq(2)), Some(Seq(3))]);
    machine.rebuild().unwrap();
    let live = machine.state().clone();
    assert_eq!(live.phase, Some(Phase::Initialize));
    assert_eq!(folded(dir.path(), outline(), None).unwrap(), live);
    assert_eq!(folded(dir.path(), outline(), Some(Seq(2))).unwrap().phase, None);
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = machine(dir.path());
    let cancel = CancelRequested {
        source: "test".to_owned(),
        user: None,
        host: None,
        reason: "r".to_owned(),
        at_once: false,
    };
    let before = (machine.head(), machine.state().clone());
    let taken = machine
        .take(&Command::Cancel(cancel), None, Timestamp::from_micros(2))
        .unwrap();
    assert!(matches!(taken, Taken::Rejected(_)));
    assert_eq!((machine.head(), machine.state().clone()), before);
}

#[test]
fn a_cancel_at_once_is_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = machine(dir.path());
    machine.take(&create(), None, Timestamp::from_micros(2)).unwrap();
    let cancel = CancelRequested {
        source: "test".to_owned(),
        user: None,
        host: None,
        reason: "r".to_owned(),
        at_once: true,
    };
    let appended = events(
        machine
            .take(&Command::Cancel(cancel), None, Timestamp::from_micros(3))
            .unwrap(),
    );
    let last = appended.last().unwrap();
    assert!(matches!(last.event.body, Body::RunCancelled(_)));
    assert_eq!(last.effects, [Effect::Finish { exit_code: 1 }]);
}

#[test]
fn panics_are_borne_but_not_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = machine(dir.path());
    let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
    for minute in 0..10 {
        machine.note_panic(at(minute * 61), "now and then").unwrap();
    }
    for second in 0..4 {
        machine.note_panic(at(1_000 + second), "again").unwrap();
    }
    machine.note_panic(at(1_005), "again").unwrap();
    let error = machine.note_panic(at(1_006), "again").unwrap_err();
    assert!(matches!(error, OrchestratorError::Panics { count: 6, .. }));
}
