//! The machine over a real journal in a temporary directory.

use std::cell::Cell;
use std::collections::BTreeMap;

use hpcbench_core::event::{Body, BusExited, BusStarted, CancelRequested, Program, RunCreated};
use hpcbench_core::{Epoch, Phase, Role, TrialId};
use hpcbench_journal::{DirStorage, MAX_WRITTEN_BYTES, Opening};

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
    // The first was caused by what led to the command, the phase by that, and the bus by the phase.
    let causes: Vec<_> = appended.iter().map(|one| one.event.causation).collect();
    assert_eq!(causes, [Some(Seq(1)), Some(Seq(2)), Some(Seq(3))]);
    machine.rebuild(&[]).unwrap();
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
        command_line: Vec::new(),
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
        command_line: Vec::new(),
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

thread_local! {
    /// How many of the next calls panic.
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

fn panic_if_due(what: &str) {
    let left = PANICS.get();
    if left > 0 {
        PANICS.set(left - 1);
        panic!("{what} fails");
    }
}

fn failing_decide(state: &State, command: Command, now: Timestamp) -> Result<Vec<Decided>, Rejection> {
    panic_if_due("deciding");
    decide(state, command, now)
}

/// Fails in the middle of a decision's events.
fn failing_evolve(state: State, event: &Event) -> State {
    if matches!(event.body, Body::AgentRequested(_)) {
        panic_if_due("folding");
    }
    evolve(state, event)
}

fn bus_up() -> Command {
    Command::BusUp(BusStarted {
        url: "nats://127.0.0.1:4222".to_owned(),
        pid: 2,
        version: "2.12.0".to_owned(),
    })
}

/// The agents that a bus leads to are asked for, once each, as the log says.
fn expect_agents(machine: &Machine, run_dir: &Path, taken: Taken) {
    let launched = events(taken).into_iter().flat_map(|one| one.effects);
    let launched: Vec<_> = launched
        .filter_map(|effect| match effect {
            Effect::LaunchAgent { node, .. } => Some(node.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(launched, ["client", "orchestrator", "server"]);
    while machine.durable().unwrap() < machine.head() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let read = folded(run_dir, outline(), None).unwrap();
    assert_eq!(read.seq, machine.head());
    assert_eq!(read, *machine.state());
    let entries = hpcbench_journal::read(run_dir).unwrap();
    let asked = entries.filter(|entry| entry.as_ref().unwrap().event.kind == "agent.requested");
    assert_eq!(asked.count(), 3);
}

/// A machine with a run that waits for its bus, whose functions fail from now on so often.
fn failing(run_dir: &Path, panics: u32) -> Machine {
    let mut machine = machine(run_dir);
    machine.take(&create(), None, Timestamp::from_micros(2)).unwrap();
    machine.pure = Pure {
        decide: failing_decide,
        evolve: failing_evolve,
    };
    PANICS.set(panics);
    machine
}

fn end(mut machine: Machine, run_dir: &Path) {
    let cancel = CancelRequested {
        source: "test".to_owned(),
        user: None,
        host: None,
        reason: "r".to_owned(),
        at_once: true,
        command_line: Vec::new(),
    };
    let taken = machine.take(&Command::Cancel(cancel), None, Timestamp::from_micros(9));
    let last = events(taken.unwrap()).pop().unwrap();
    assert_eq!(last.effects, [Effect::Finish { exit_code: 1 }]);
    machine.close().unwrap();
    assert!(hpcbench_journal::verify(run_dir).unwrap().ok);
}

#[test]
fn a_panic_while_deciding_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = failing(dir.path(), 1);
    let taken = machine.take(&bus_up(), None, Timestamp::from_micros(3)).unwrap();
    assert_eq!((PANICS.get(), machine.panics.len()), (0, 1));
    expect_agents(&machine, dir.path(), taken);
    end(machine, dir.path());
}

#[test]
fn a_command_that_panics_twice_is_rejected_and_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = failing(dir.path(), 2);
    let taken = machine.take(&bus_up(), None, Timestamp::from_micros(3)).unwrap();
    let appended = events(taken);
    match &appended[0].event.body {
        Body::CommandRejected(rejected) => assert_eq!(rejected.reason, "a panic: deciding fails"),
        other => panic!("{other:?}"),
    }
    let taken = machine.take(&bus_up(), None, Timestamp::from_micros(4)).unwrap();
    expect_agents(&machine, dir.path(), taken);
    end(machine, dir.path());
}

#[test]
fn a_panic_while_folding_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = failing(dir.path(), 0);
    machine.pure.decide = decide;
    PANICS.set(1);
    let taken = machine.take(&bus_up(), None, Timestamp::from_micros(3)).unwrap();
    assert_eq!((PANICS.get(), machine.panics.len()), (0, 1));
    expect_agents(&machine, dir.path(), taken);
    end(machine, dir.path());
}

#[test]
fn an_event_that_cannot_be_folded_ends_the_run_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = failing(dir.path(), 0);
    machine.pure.decide = decide;
    PANICS.set(2);
    let error = machine.take(&bus_up(), None, Timestamp::from_micros(3)).err();
    assert!(
        matches!(&error, Some(OrchestratorError::Panics { last, .. }) if last == "a panic: folding fails"),
        "{error:?}"
    );
}

#[test]
fn an_event_that_no_line_has_room_for_is_refused_before_it_is_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = machine(dir.path());
    machine.take(&create(), None, Timestamp::from_micros(2)).unwrap();
    let down = |bytes| {
        let reason = "x".repeat(bytes);
        Command::BusDown(BusExited { reason })
    };
    let taken = machine.take(&down(MAX_WRITTEN_BYTES), None, Timestamp::from_micros(3));
    let appended = events(taken.unwrap());
    match &appended[0].event.body {
        Body::CommandRejected(rejected) => {
            assert_eq!(rejected.command, "bus_down");
            assert!(rejected.reason.contains("bus.exited") && rejected.reason.contains("limit is 1048576"));
        }
        other => panic!("{other:?}"),
    }
    // What fits the log, the bus takes.
    let taken = machine.take(&down(MAX_WRITTEN_BYTES / 2), None, Timestamp::from_micros(4));
    assert_eq!(events(taken.unwrap())[0].event.body.kind(), "bus.exited");
    end(machine, dir.path());
}
