//! A deterministic world around the state machine: it makes events of decisions, folds them, carries out the effects
//! and answers as agents, bus and services would, with whatever goes wrong on the way.

mod agents;
mod checks;
mod faults;
pub(crate) mod given;
mod outside;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hpcbench_core::event::{Body, BusExited, Event, JobStarted, RawEvent, RunResumed};
use hpcbench_core::message::{Report, ReportId};
use hpcbench_core::{Actor, message::ReportBody};
use hpcbench_core::{
    Attempt, Command, Epoch, NodeId, Outline, Rejection, Seq, State, Submission, Submitted, Timestamp,
    TrialId, decide, effects, evolve,
};
use hpcbench_stats::{TrialSummary, VerdictStatus};

use agents::Agent;
pub(crate) use faults::{Fault, Luck, Point};

/// Milliseconds without an event after which a run counts as stuck: more than any limit of the run.
const STUCK: u64 = 1_000_000;

/// Something that is about to happen.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// The orchestrator gets a command, caused by an event.
    Command(Command, Option<Seq>),
    /// An agent with this boot has something to report.
    Say {
        node: NodeId,
        boot: String,
        cause: Option<Seq>,
        body: ReportBody,
    },
    /// A report arrives.
    Arrive(NodeId, Report),
    /// The same report arrives once more: its receipt was lost.
    ArriveAgain(NodeId, Report),
    /// This launch of an agent ends unasked.
    EndAgent(NodeId, u32),
    /// This launch of an agent ends in order, once its last report has arrived.
    Leave(NodeId, u32),
    /// The bus ends.
    EndBus(u32),
}

/// What an attempt's shares come to.
type Results = Box<dyn FnMut(&TrialId, Attempt) -> Result<Box<TrialSummary>, String>>;

/// Milliseconds after which every report is delivered a second time.
const AGAIN: u64 = 3_000;

/// When something happens in the run, something else happens too.
type Trigger = (Box<dyn Fn(&Event) -> bool>, Happening);

/// How the bus stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bus {
    Down,
    Up(u32),
}

pub(crate) struct World {
    pub(crate) state: State,
    /// The log: a JSON line an event.
    pub(crate) log: Vec<String>,
    pub(crate) events: Vec<Event>,
    pub(crate) rejections: Vec<Rejection>,
    /// The exit code, once the run has ended.
    pub(crate) finished: Option<u8>,
    /// What an attempt's shares come to.
    pub(crate) results: Results,
    /// Milliseconds since the world began.
    now: u64,
    outline: Arc<Outline>,
    luck: Luck,
    triggers: Vec<Trigger>,
    queue: BTreeMap<(u64, u64), Happening>,
    queued: u64,
    last_event: u64,
    bus: Bus,
    held: Vec<(NodeId, Report)>,
    agents: BTreeMap<NodeId, Agent>,
    /// Work that an epoch is to ask for once: attempts put together, the state checked.
    measured: BTreeSet<(TrialId, Attempt)>,
    verified: bool,
}

impl World {
    /// A world in which everything works.
    pub(crate) fn new(outline: Outline) -> Self {
        let outline = Arc::new(outline);
        Self {
            state: State::new(outline.clone()),
            log: Vec::new(),
            events: Vec::new(),
            rejections: Vec::new(),
            finished: None,
            results: Box::new(|_, _| Ok(given::summary(VerdictStatus::Valid, 100))),
            now: 0,
            outline,
            luck: Box::new(|_| Fault::None),
            triggers: Vec::new(),
            queue: BTreeMap::new(),
            queued: 0,
            last_event: 0,
            bus: Bus::Down,
            held: Vec::new(),
            agents: BTreeMap::new(),
            measured: BTreeSet::new(),
            verified: false,
        }
    }

    /// The same world with other luck.
    pub(crate) fn with_luck(mut self, luck: impl FnMut(&Point) -> Fault + 'static) -> Self {
        self.luck = Box::new(luck);
        self
    }

    /// Something is to happen right after the first event that matches.
    pub(crate) fn when(&mut self, matches: impl Fn(&Event) -> bool + 'static, happening: Happening) {
        self.triggers.push((Box::new(matches), happening));
    }

    /// Something is to happen so many milliseconds from now.
    pub(crate) fn after(&mut self, delay: u64, happening: Happening) {
        self.queued += 1;
        self.queue.insert((self.now + delay, self.queued), happening);
    }

    /// Creates the run and lets it run to its end.
    pub(crate) fn run(mut self) -> Self {
        self.begin();
        self.finish();
        self
    }

    /// Lets the run go on to its end.
    pub(crate) fn finish(&mut self) {
        while self.finished.is_none() {
            self.step();
        }
        self.check_end();
    }

    /// Agents say what they have to say; it takes so many milliseconds to arrive.
    pub(crate) fn let_agents_speak(&mut self, delay: u64) {
        for (_, happening) in std::mem::take(&mut self.queue) {
            if let Happening::Say {
                node,
                boot,
                cause,
                body,
            } = happening
            {
                let id = ReportId { boot, counter: 1 };
                let epoch = self.state.epoch;
                self.after(
                    delay,
                    Happening::Arrive(
                        node,
                        Report {
                            id,
                            epoch,
                            cause,
                            body,
                        },
                    ),
                );
            }
        }
    }

    /// Time passes, and nobody does anything.
    pub(crate) fn sleep(&mut self, milliseconds: u64) {
        self.now += milliseconds;
    }

    /// Cuts the log after so many events, as if later ones had never been synced; whether a run is left.
    pub(crate) fn truncate(&mut self, events: usize) -> bool {
        self.log.truncate(events);
        self.events.truncate(events);
        self.folded().run.is_some()
    }

    /// Creates the run.
    pub(crate) fn begin(&mut self) {
        self.open_epoch(Epoch(1));
        let created = given::run_created(&self.outline);
        self.submit(Command::Create(created), None);
    }

    /// Everything ends at once, as at a power cut; a new epoch resumes the run. What was on the bus is still on it.
    pub(crate) fn resume_in_new_epoch(&mut self) {
        self.resume(false);
    }

    /// The same of a run that may have ended; what failed is repeated.
    pub(crate) fn retry_in_new_epoch(&mut self) {
        self.resume(true);
    }

    /// Everything ends at once; a job's new epoch goes on with the run, and has so many seconds from now.
    pub(crate) fn start_job(&mut self, seconds: Option<f64>) {
        let started = self.next_job(seconds);
        self.submit(Command::JobStarted(started), None);
    }

    /// The same in an allocation that somebody had already.
    pub(crate) fn start_job_by_hand(&mut self, seconds: Option<f64>) {
        let mut started = self.next_job(seconds);
        started.by_hand = true;
        self.submit(Command::JobStarted(started), None);
    }

    fn next_job(&mut self, seconds: Option<f64>) -> JobStarted {
        self.end_epoch();
        let ends_at = seconds.map(|seconds| self.time().plus_seconds(seconds));
        given::job_started(&self.outline, ends_at)
    }

    /// Creates the run and leaves it to a job.
    pub(crate) fn begin_by_submission(&mut self) {
        self.open_epoch(Epoch(1));
        let submission = Submission {
            run: Submitted::New(given::run_created(&self.outline)),
            job: given::job_requested(),
        };
        self.submit(Command::Submit(submission), None);
    }

    fn resume(&mut self, retry_failed: bool) {
        self.end_epoch();
        let resumed = RunResumed {
            retry_failed,
            ..given::run_resumed()
        };
        self.submit(Command::Resume(resumed), None);
    }

    fn end_epoch(&mut self) {
        self.queue
            .retain(|_, happening| matches!(happening, Happening::Arrive(..)));
        self.agents.clear();
        self.held.clear();
        self.bus = Bus::Down;
        self.measured.clear();
        self.verified = false;
        self.state = self.folded();
        self.open_epoch(self.state.epoch.next());
        self.finished = None;
    }

    fn open_epoch(&mut self, epoch: Epoch) {
        let body = given::epoch_started(epoch, self.state.seq).into();
        self.record(Actor::Orchestrator, None, None, None, body);
    }

    /// The next thing happens, or a second passes.
    pub(crate) fn step(&mut self) {
        let tick = (self.now / 1000 + 1) * 1000;
        let next = self.queue.first_entry().filter(|entry| entry.key().0 < tick);
        if let Some(entry) = next {
            let ((at, _), happening) = entry.remove_entry();
            self.now = at;
            self.happen(happening);
        } else {
            self.now = tick;
            self.submit(Command::Tick, None);
        }
        let quiet = self.now - self.last_event;
        assert!(
            quiet < STUCK,
            "the run is stuck:\n{}\n{:#?}",
            self.story(),
            self.state
        );
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Command(command, cause) => self.submit(command, cause),
            Happening::Say {
                node,
                boot,
                cause,
                body,
            } => self.say(node, &boot, cause, body),
            Happening::Arrive(node, report) => {
                self.after(AGAIN, Happening::ArriveAgain(node.clone(), report.clone()));
                self.take_report(node, report);
            }
            Happening::ArriveAgain(node, report) => {
                let known = self
                    .state
                    .reports
                    .get(&report.id.boot)
                    .is_some_and(|n| *n >= report.id.counter);
                let (id, before) = (report.id.clone(), self.events.len());
                self.take_report(node, report);
                let again = self.events[before..]
                    .iter()
                    .any(|event| event.report.as_ref() == Some(&id));
                assert!(!(known && again), "report {id:?} counts twice:\n{}", self.story());
            }
            Happening::EndAgent(node, launch) => {
                if self.agent_launch(&node) == Some(launch) {
                    self.end_agent(&node, "signal 9 (SIGKILL)");
                }
            }
            Happening::Leave(node, launch) => {
                if self.agent_launch(&node) == Some(launch) && matches!(self.bus, Bus::Up(_)) {
                    self.end_agent(&node, "exit code 0");
                }
            }
            Happening::EndBus(launch) => {
                if self.bus == Bus::Up(launch) {
                    self.bus = Bus::Down;
                    let reason = "nats-server ended with signal 9 (SIGKILL)".to_owned();
                    self.submit(Command::BusDown(BusExited { reason }), None);
                }
            }
        }
    }

    fn take_report(&mut self, node: NodeId, report: Report) {
        let cause = report.cause;
        self.submit(Command::Report { node, report }, cause);
    }

    /// A report goes over the bus, as soon as there is one.
    fn deliver(&mut self, node: NodeId, report: Report) {
        if matches!(self.bus, Bus::Up(_)) {
            self.after(1, Happening::Arrive(node, report));
        } else {
            self.held.push((node, report));
        }
    }

    /// Gives a command to the state machine and carries out what follows.
    pub(crate) fn submit(&mut self, command: Command, cause: Option<Seq>) {
        if self.finished.is_some() {
            return;
        }
        let reported = matches!(command, Command::Report { .. }).then(|| command.clone());
        let decided = match decide(&self.state, command, self.time()) {
            Ok(decided) => decided,
            Err(rejection) => return self.rejections.push(rejection),
        };
        let mut todo = Vec::new();
        let first = self.state.seq.next();
        for one in decided {
            let cause = one.led_by.causation(cause, first);
            let event = self.record(one.actor, one.node, one.report, cause, one.body);
            todo.extend(
                effects(&self.state, &event)
                    .into_iter()
                    .map(|effect| (event.seq, effect)),
            );
        }
        self.check_settled(reported);
        for (seq, effect) in todo {
            self.carry_out(seq, effect);
        }
    }

    fn record(
        &mut self,
        actor: Actor,
        node: Option<NodeId>,
        report: Option<ReportId>,
        causation: Option<Seq>,
        body: Body,
    ) -> Event {
        let event = Event {
            seq: self.state.seq.next(),
            at: self.time(),
            actor: actor.as_str().to_owned(),
            node: Some(node.unwrap_or_else(|| given::node("orchestrator"))),
            correlation: body.correlation(),
            causation,
            report,
            body,
        };
        let line = checks::written(&event);
        self.check_before(&event);
        self.state = evolve(
            std::mem::replace(&mut self.state, State::new(self.outline.clone())),
            &event,
        );
        self.log.push(line);
        self.events.push(event.clone());
        self.last_event = self.now;
        self.check_after();
        if let Some(index) = self.triggers.iter().position(|(matches, _)| matches(&event)) {
            let (_, happening) = self.triggers.remove(index);
            self.after(1, happening);
        }
        event
    }

    fn luck(&mut self, point: &Point) -> Fault {
        (self.luck)(point)
    }

    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + self.now as i64 * 1000)
    }

    /// The state folded from the log's lines.
    pub(crate) fn folded(&self) -> State {
        self.log
            .iter()
            .fold(State::new(self.outline.clone()), |state, line| {
                let raw: RawEvent = serde_json::from_str(line).unwrap();
                evolve(state, &hpcbench_core::upcast(raw))
            })
    }

    /// The run as a person reads it.
    pub(crate) fn story(&self) -> String {
        self.told(&[""])
    }

    /// The events whose types begin with any of these.
    pub(crate) fn told(&self, prefixes: &[&str]) -> String {
        let told = |event: &&Event| {
            prefixes
                .iter()
                .any(|prefix| event.body.kind().starts_with(prefix))
        };
        let lines: Vec<String> = self.events.iter().filter(told).map(story::line).collect();
        lines.join("\n")
    }
}
