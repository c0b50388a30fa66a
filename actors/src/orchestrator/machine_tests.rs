//! The machine over a real journal in a temporary directory.

use std::cell::Cell;
use std::collections::BTreeMap;

use hpcbench_core::event::{
    BusExited, BusStarted, CancelRequested, JobRequested, JobStarted, Program, RunCreated,
};
use hpcbench_core::{Epoch, Phase, Role, Submission, Submitted, TrialId};
use hpcbench_journal::{DirStorage, MAX_WRITTEN_BYTES, Opening};

use tempfile::TempDir;

use super::super::epoch::{EpochSetup, open_now};
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

fn cancel(at_once: bool) -> Command {
    Command::Cancel(CancelRequested {
        source: "test".to_owned(),
        user: None,
        host: None,
        reason: "r".to_owned(),
        at_once,
        command_line: Vec::new(),
    })
}

/// A machine over a log of its own.
struct Run {
    dir: TempDir,
    machine: Machine,
}

impl Run {
    /// Nothing is in its log but the beginning of the epoch.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let machine = machine(dir.path());
        Self { dir, machine }
    }

    /// It waits for its bus.
    fn created() -> Self {
        let mut run = Self::new();
        run.take(&create(), 2);
        run
    }

    /// It waits for its bus, and its functions fail from now on so often.
    fn failing(panics: u32) -> Self {
        let mut run = Self::created();
        run.machine.pure = Pure {
            decide: failing_decide,
            evolve: failing_evolve,
        };
        PANICS.set(panics);
        run
    }

    fn take(&mut self, command: &Command, at: i64) -> Taken {
        let taken = self.machine.take(command, None, Timestamp::from_micros(at));
        taken.unwrap()
    }

    fn wait_for_disk(&self) {
        while self.machine.durable().unwrap() < self.machine.head() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// The state by the log.
    fn folded(&self, until: Option<Seq>) -> State {
        folded(self.dir.path(), outline(), until).unwrap()
    }

    /// The agents that a bus leads to are asked for, once each, as the log says.
    fn expect_agents(&self, taken: Taken) {
        let launched = events(taken).into_iter().flat_map(|one| one.effects);
        let launched: Vec<_> = launched
            .filter_map(|effect| match effect {
                Effect::LaunchAgent { node, .. } => Some(node.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(launched, ["client", "orchestrator", "server"]);
        self.wait_for_disk();
        let read = self.folded(None);
        assert_eq!(read.seq, self.machine.head());
        assert_eq!(read, *self.machine.state());
        let entries = hpcbench_journal::read(self.dir.path()).unwrap();
        let asked = entries.filter(|entry| entry.as_ref().unwrap().event.kind == "agent.requested");
        assert_eq!(asked.count(), 3);
    }

    /// It can still be ended, and its log is in order.
    fn end(mut self) {
        let last = events(self.take(&cancel(true), 9)).pop().unwrap();
        assert_eq!(last.effects, [Effect::Finish { exit_code: 1 }]);
        self.machine.close().unwrap();
        assert!(hpcbench_journal::verify(self.dir.path()).unwrap().ok);
    }

    /// The log ends with why the epoch does, and the next one goes on.
    fn expect_paused(self, reason: &str) {
        let Self { dir, machine } = self;
        machine.close().unwrap();
        let last = hpcbench_journal::read(dir.path())
            .unwrap()
            .last()
            .unwrap()
            .unwrap();
        match upcast(last.event).body {
            Body::RunPaused(paused) => assert!(paused.reason.contains(reason), "{}", paused.reason),
            other => panic!("{other:?}"),
        }
        let state = folded(dir.path(), outline(), None).unwrap();
        assert!(state.outcome.is_none() && state.anomalies.is_empty(), "{state:?}");
    }
}

fn events(taken: Taken) -> Vec<Appended> {
    assert_eq!(taken.refused, None);
    taken.events
}

#[test]
fn what_is_decided_is_what_the_log_says() {
    let mut run = Run::new();
    let taken = run
        .machine
        .take(&create(), Some(Seq(1)), Timestamp::from_micros(2));
    let appended = events(taken.unwrap());
    let bodies: Vec<&str> = appended.iter().map(|one| one.event.body.kind()).collect();
    assert_eq!(bodies, ["run.created", "phase.entered", "bus.requested"]);
    assert_eq!(appended[2].effects, [Effect::StartBus { launch: 1 }]);
    // The first was caused by what led to the command, the phase by that, and the bus by the phase.
    let causes: Vec<_> = appended.iter().map(|one| one.event.causation).collect();
    assert_eq!(causes, [Some(Seq(1)), Some(Seq(2)), Some(Seq(3))]);
    run.machine.rebuild(&[]).unwrap();
    run.wait_for_disk();
    let live = run.machine.state().clone();
    assert_eq!(live.phase, Some(Phase::Initialize));
    assert_eq!(run.folded(None), live);
    assert_eq!(run.folded(Some(Seq(2))).phase, None);
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut run = Run::new();
    let before = (run.machine.head(), run.machine.state().clone());
    let taken = run.take(&cancel(false), 2);
    assert!(taken.refused.is_some() && taken.events.is_empty());
    assert_eq!((run.machine.head(), run.machine.state().clone()), before);
}

#[test]
fn a_cancel_at_once_is_the_end() {
    let appended = events(Run::created().take(&cancel(true), 3));
    let last = appended.last().unwrap();
    assert!(matches!(last.event.body, Body::RunCancelled(_)));
    assert_eq!(last.effects, [Effect::Finish { exit_code: 1 }]);
}

#[test]
fn panics_are_borne_but_not_for_ever() {
    let mut run = Run::new();
    let machine = &mut run.machine;
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

#[test]
fn a_panic_while_deciding_costs_nothing() {
    let mut run = Run::failing(1);
    let taken = run.take(&bus_up(), 3);
    assert_eq!((PANICS.get(), run.machine.panics.len()), (0, 1));
    expect_rebuilt(&taken.events[0].event, "bus_up", "a panic: deciding fails");
    run.expect_agents(taken);
    run.end();
}

#[test]
fn a_panic_around_the_machine_costs_nothing() {
    let mut run = Run::failing(0);
    let before = run.machine.state().clone();
    // What a panic may have left behind.
    run.machine.state = State::new(outline());
    let appended = run
        .machine
        .bear("a look", "a panic: oh", Timestamp::from_micros(3))
        .unwrap();
    assert_eq!(appended.len(), 1);
    expect_rebuilt(&appended[0].event, "a look", "a panic: oh");
    let State { seq, anomalies, .. } = run.machine.state();
    assert_eq!((*seq, anomalies.len()), (before.seq.next(), 0));
    let taken = run.take(&bus_up(), 4);
    run.expect_agents(taken);
    run.end();
}

#[test]
fn panics_without_end_pause_the_run_with_a_reason() {
    let mut run = Run::failing(0);
    for _ in 0..MAX_PANICS {
        run.machine
            .bear("a look", "a panic: oh", Timestamp::from_micros(3))
            .unwrap();
    }
    let error = run
        .machine
        .bear("a look", "a panic: oh", Timestamp::from_micros(3))
        .err();
    assert!(matches!(error, Some(OrchestratorError::Panics { count: 6, .. })));
    run.expect_paused("6 times within a minute, last with a panic: oh");
}

fn expect_rebuilt(event: &Event, during: &str, reason: &str) {
    let rebuilt = StateRebuilt {
        during: during.to_owned(),
        reason: reason.to_owned(),
    };
    assert_eq!(event.body, Body::StateRebuilt(rebuilt));
}

#[test]
fn a_command_that_panics_twice_is_rejected_and_recorded() {
    let mut run = Run::failing(2);
    let taken = run.take(&bus_up(), 3);
    let appended = events(taken);
    let kinds: Vec<&str> = appended.iter().map(|one| one.event.body.kind()).collect();
    assert_eq!(kinds, ["state.rebuilt", "state.rebuilt", "command.rejected"]);
    match &appended[2].event.body {
        Body::CommandRejected(rejected) => assert_eq!(rejected.reason, "a panic: deciding fails"),
        other => panic!("{other:?}"),
    }
    let taken = run.take(&bus_up(), 4);
    run.expect_agents(taken);
    run.end();
}

#[test]
fn a_panic_while_folding_costs_nothing() {
    let mut run = Run::failing(0);
    run.machine.pure.decide = decide;
    PANICS.set(1);
    let taken = run.take(&bus_up(), 3);
    assert_eq!((PANICS.get(), run.machine.panics.len()), (0, 1));
    run.expect_agents(taken);
    run.end();
}

#[test]
fn an_event_that_cannot_be_folded_ends_the_run_with_a_reason() {
    let mut run = Run::failing(0);
    run.machine.pure.decide = decide;
    PANICS.set(2);
    let error = run.machine.take(&bus_up(), None, Timestamp::from_micros(3)).err();
    assert!(
        matches!(&error, Some(OrchestratorError::Panics { last, .. }) if last == "a panic: folding fails"),
        "{error:?}"
    );
    run.expect_paused("last with a panic: folding fails");
}

#[test]
fn an_event_that_no_line_has_room_for_is_refused_before_it_is_in_the_log() {
    let mut run = Run::created();
    let down = |bytes| {
        let reason = "x".repeat(bytes);
        Command::BusDown(BusExited { reason })
    };
    let appended = events(run.take(&down(MAX_WRITTEN_BYTES), 3));
    match &appended[0].event.body {
        Body::CommandRejected(rejected) => {
            assert_eq!(rejected.command, "bus_down");
            assert!(rejected.reason.contains("bus.exited") && rejected.reason.contains("limit is 1048576"));
        }
        other => panic!("{other:?}"),
    }
    // What fits the log, the bus takes.
    let taken = run.take(&down(MAX_WRITTEN_BYTES / 2), 4);
    assert_eq!(events(taken)[0].event.body.kind(), "bus.exited");
    run.end();
}

#[test]
fn a_job_is_led_to_by_who_asked_for_it_and_then_by_the_job_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let node: NodeId = "orchestrator".parse().unwrap();
    let open = || {
        let setup = EpochSetup {
            run_dir: dir.path().to_path_buf(),
            node: node.clone(),
            program: Program {
                version: "0".to_owned(),
                revision: "x".to_owned(),
            },
            outline: outline(),
            dead_through: Epoch(u32::MAX),
            wait: Box::new(|_| {}),
        };
        let opened = open_now(setup, Box::new(drop)).unwrap();
        let machine = Machine::new(
            dir.path().to_path_buf(),
            node.clone(),
            opened.state,
            opened.opened.journal,
        );
        (machine, opened.led_to_job)
    };
    let Command::Create(created) = create() else {
        unreachable!()
    };
    let job = JobRequested {
        key: "hpcbench-r1-1".to_owned(),
        command: vec!["sbatch".to_owned()],
        script: String::new(),
    };
    let (mut submitting, led) = open();
    assert_eq!(led, None);
    let run = Submitted::New(created);
    let submission = Command::Submit(Submission { run, job });
    let asked = events(
        submitting
            .take(&submission, None, Timestamp::from_micros(2))
            .unwrap(),
    );
    assert_eq!(asked.last().unwrap().event.body.kind(), "job.requested");
    submitting.close().unwrap();
    let mut cause = asked.last().unwrap().event.seq;
    for restarts in 0..2 {
        let (mut machine, led) = open();
        assert_eq!(led, Some(cause), "start {restarts}");
        let started = Command::JobStarted(job_started(restarts));
        let appended = events(machine.take(&started, led, Timestamp::from_micros(3)).unwrap());
        let started = &appended[0].event;
        assert_eq!((started.body.kind(), started.causation), ("job.started", led));
        cause = started.seq;
        machine.close().unwrap();
    }
}

fn job_started(restarts: u32) -> JobStarted {
    JobStarted {
        job: "17".to_owned(),
        restarts,
        hosts: BTreeMap::new(),
        cluster: None,
        partitions: Vec::new(),
        submitted_at: None,
        started_at: None,
        ends_at: None,
        stop_before: 60.0,
        topology: None,
        version: "slurm 24.05".to_owned(),
        tools: BTreeMap::new(),
        by_hand: false,
    }
}
