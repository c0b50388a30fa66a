//! The actor.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message};
use hpcbench_core::event::{Afterwards, Event};
use hpcbench_core::message::{CommandReply, Heartbeat};
use hpcbench_core::{Command, Effect, Epoch, NodeId, Rejection, Seq};
use hpcbench_journal::{Moment, SyncOutcome};
use hpcbench_nats::{Receipt, Responder};
use tokio::sync::oneshot;

use super::OrchestratorError;
use super::effects::Executor;
use super::liveness::{Liveness, Standstill};
use super::machine::{Appended, Machine, Taken};
use super::publisher::Publisher;
use super::pulse::Pulse;
use super::run::{LiveSender, LiveUpdate};
use super::stall::Stall;
use crate::shell::{catch, now};

/// How often deadlines and silence are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How often the cancel file is looked for.
const LOOK_FOR_FILE: u32 = 4;
/// A look for a successor counts for so long. A process that was stopped may have been given up meanwhile.
const STALE: Duration = Duration::from_secs(1);
/// Most who may wait for the disk. Whoever is not among them gets no answer, and asks again.
const MAX_ACKS: usize = 16_384;
/// Room for messages that wait while one is handled.
const MAILBOX: usize = 4096;

/// Something came from outside.
pub(super) struct Input {
    pub(super) command: Command,
    /// The event that led to it.
    pub(super) cause: Option<Seq>,
    pub(super) ack: Ack,
}

/// Who waits for a command to be in the log.
pub(super) enum Ack {
    /// Nobody.
    None,
    /// The bus, which otherwise delivers the report again.
    Receipt(Receipt),
    /// Who asked for it.
    Answer(Responder),
    /// Whoever left this file: it is removed.
    Remove(PathBuf),
}

impl Input {
    pub(super) const fn new(command: Command) -> Self {
        Self {
            command,
            cause: None,
            ack: Ack::None,
        }
    }

    /// What came of an effect of the event `cause`.
    pub(super) const fn caused(command: Command, cause: Seq) -> Self {
        Self {
            command,
            cause: Some(cause),
            ack: Ack::None,
        }
    }
}

impl Message for Input {
    type Result = ();
}

/// A sign of life.
pub(super) struct Heard {
    pub(super) node: NodeId,
    pub(super) heartbeat: Heartbeat,
}

impl Message for Heard {
    type Result = ();
}

/// What became of appended events.
pub(super) struct Synced(pub(super) SyncOutcome);

impl Message for Synced {
    type Result = ();
}

/// How the run ended.
pub(super) struct Ended {
    pub(super) exit_code: u8,
    /// What becomes of the run, if only this epoch has ended.
    pub(super) afterwards: Option<Afterwards>,
    /// Somebody does not want to wait for an end in order.
    pub(super) at_once: bool,
    /// The run's last event.
    pub(super) last: Seq,
}

/// Told how the run ended.
pub(super) type Done = oneshot::Sender<Result<Ended, OrchestratorError>>;

/// The only actor that holds state.
pub(super) struct Orchestrator {
    machine: Machine,
    executor: Executor,
    publisher: Arc<Publisher>,
    live: LiveSender,
    liveness: Liveness,
    standstill: Standstill,
    stall: Stall,
    pulse: Pulse,
    /// What follows from events that are not synced yet.
    pending: VecDeque<(Box<Event>, Vec<Effect>)>,
    /// The last event of which it is known that it is synced, and that nobody had taken the run over then.
    through: Seq,
    /// Who waits for which event to be synced.
    acks: VecDeque<(Seq, Ack, CommandReply)>,
    first: Option<Input>,
    done: Option<Done>,
    ticks: u32,
}

impl Orchestrator {
    /// An orchestrator that begins with the command `first`.
    pub(super) fn new(
        machine: Machine,
        executor: Executor,
        publisher: Arc<Publisher>,
        live: LiveSender,
        first: Input,
        done: Done,
    ) -> Self {
        let pulse = Pulse::new(executor.run_dir().to_path_buf(), machine.epoch());
        Self {
            // What began the epoch.
            through: machine.head(),
            machine,
            executor,
            publisher,
            live,
            liveness: Liveness::default(),
            standstill: Standstill::default(),
            stall: Stall::default(),
            pulse,
            pending: VecDeque::new(),
            acks: VecDeque::new(),
            first: Some(first),
            done: Some(done),
            ticks: 0,
        }
    }

    /// Takes a command; returns why it was refused, if it was.
    fn take(&mut self, input: Input, ctx: &mut Context<Self>) -> Option<String> {
        let mut refused = None;
        match self.machine.take(&input.command, input.cause, now()) {
            Ok(Taken {
                events,
                refused: None,
            }) => self.wait_for_disk(events),
            Ok(Taken {
                events,
                refused: Some(Rejection { command, reason }),
            }) => {
                tracing::debug!(command, reason, "a command did not fit");
                self.wait_for_disk(events);
                refused = Some(reason);
            }
            Err(error) => {
                self.fail(error, ctx);
                return None;
            }
        }
        // A repeated report has no event of its own, but what it once led to may still wait for the disk.
        let reply = CommandReply {
            refused: refused.clone(),
        };
        if !matches!(input.ack, Ack::None) && self.acks.len() < MAX_ACKS {
            self.acks.push_back((self.machine.head(), input.ack, reply));
        }
        self.release();
        refused
    }

    fn wait_for_disk(&mut self, appended: Vec<Appended>) {
        for one in appended {
            self.pending.push_back((Box::new(one.event), one.effects));
        }
    }

    /// Does a piece of work, whose panic ends neither this actor nor its run: the state is rebuilt from the log. What the work
    /// has left undone is done at the next look, reported again, or missed when its deadline comes.
    fn bear(
        &mut self,
        during: &str,
        ctx: &mut Context<Self>,
        work: impl FnOnce(&mut Self, &mut Context<Self>),
    ) {
        let Err(message) = catch(|| work(self, ctx)) else {
            return;
        };
        match self.machine.bear(during, &message, now()) {
            Ok(appended) => self.wait_for_disk(appended),
            Err(error) => self.fail(error, ctx),
        }
    }

    /// What is durable and was not taken over may be answered.
    fn release(&mut self) {
        let through = self.through;
        while let Some((_, ack, reply)) = self.acks.pop_front_if(|(waiting, ..)| *waiting <= through) {
            acknowledge(ack, &reply);
        }
    }

    /// A successor that began after the journal's thread had looked for one: only looked for where the look is stale, so
    /// that this thread does not wait for a file system.
    fn successor_since(&self, looked: Moment) -> Option<Epoch> {
        if looked.elapsed() < STALE {
            return None;
        }
        self.machine.successor()
    }

    fn act(&mut self, ctx: &mut Context<Self>) {
        let through = self.through;
        while let Some((event, effects)) = self.pending.pop_front_if(|(event, _)| event.seq <= through) {
            let cause = event.seq;
            self.live.send(LiveUpdate::Event(event));
            for effect in effects {
                let state = self.machine.state();
                if let Effect::Finish { exit_code } = effect {
                    let ended = Ended {
                        exit_code,
                        afterwards: state.paused.as_ref().map(|paused| paused.afterwards),
                        at_once: state.ends_at_once(),
                        last: cause,
                    };
                    self.finish(Ok(ended), ctx);
                } else {
                    let (executor, address) = (&mut self.executor, ctx.address());
                    if let Err(message) = catch(|| executor.execute(effect, cause, state, &address)) {
                        // What should come of it does not, which the state machine has deadlines for.
                        tracing::error!(%cause, message, "an effect was not carried out");
                    }
                }
            }
        }
    }

    fn synced(&mut self, outcome: SyncOutcome, ctx: &mut Context<Self>) {
        match outcome {
            SyncOutcome::Synced {
                through,
                entries,
                looked,
            } => {
                if let Some(by) = self.successor_since(looked) {
                    return self.fail(OrchestratorError::Fenced { by }, ctx);
                }
                self.through = through;
                self.publisher.publish(entries);
                self.release();
                self.act(ctx);
            }
            SyncOutcome::Fenced { by } => self.fail(OrchestratorError::Fenced { by }, ctx),
            SyncOutcome::Failed(error) => self.fail(OrchestratorError::Sync(error), ctx),
        }
    }

    fn fail(&mut self, error: OrchestratorError, ctx: &mut Context<Self>) {
        self.finish(Err(error), ctx);
    }

    fn finish(&mut self, end: Result<Ended, OrchestratorError>, ctx: &mut Context<Self>) {
        if let Some(done) = self.done.take() {
            // The receiver waits for exactly this.
            let _ = done.send(end);
        }
        self.executor.end();
        ctx.stop();
    }

    /// What was due while this process stood still is not overdue: that is told before anything else is.
    fn notice_standstill(&mut self, ctx: &mut Context<Self>) {
        if let Some(gap) = self.standstill.since_last_look(Instant::now()) {
            let seconds = gap.as_secs_f64();
            self.take(Input::new(Command::StoodStill { seconds }), ctx);
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.bear("a look at the time", ctx, Self::look);
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        self.notice_standstill(ctx);
        // A panic may have left some of it.
        self.act(ctx);
        self.ticks = self.ticks.wrapping_add(1);
        self.pulse.beat();
        let oldest = self.pending.front().map(|(event, _)| event.seq);
        self.stall.look(oldest, Instant::now());
        if self.ticks.is_multiple_of(LOOK_FOR_FILE)
            && let Some(input) = super::cancel::from_file(self.executor.run_dir())
        {
            self.take(input, ctx);
        }
        let silent = self
            .liveness
            .silent(self.machine.state(), Instant::now(), self.executor.bus_is_up());
        for (node, seconds) in silent {
            if !self.executor.is_local(&node) {
                self.take(Input::new(Command::NodeSilent { node, seconds }), ctx);
            }
        }
        self.take(Input::new(Command::Tick), ctx);
    }
}

fn acknowledge(ack: Ack, reply: &CommandReply) {
    match ack {
        Ack::None => {}
        Ack::Receipt(receipt) => {
            actix::spawn(async move {
                if let Err(error) = receipt.acknowledge().await {
                    // It comes again, and changes nothing then.
                    tracing::debug!(%error, "a receipt was not delivered");
                }
            });
        }
        Ack::Answer(responder) => responder.respond(serde_json::to_vec(reply).unwrap_or_default()),
        Ack::Remove(path) => super::cancel::remove(&path),
    }
}

impl Actor for Orchestrator {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(TICK, Self::tick);
        let Some(first) = self.first.take() else { return };
        match catch(|| self.take(first, ctx)) {
            Ok(None) => {}
            Ok(Some(reason)) => self.fail(OrchestratorError::Begin { reason }, ctx),
            // Nothing has begun that could go on.
            Err(last) => self.fail(OrchestratorError::Panics { count: 1, last }, ctx),
        }
    }
}

impl Handler<Input> for Orchestrator {
    type Result = ();

    fn handle(&mut self, input: Input, ctx: &mut Context<Self>) {
        if self.done.is_some() {
            let during = input.command.name();
            self.bear(during, ctx, |orchestrator, ctx| {
                orchestrator.notice_standstill(ctx);
                orchestrator.take(input, ctx);
            });
        }
    }
}

impl Handler<Heard> for Orchestrator {
    type Result = ();

    fn handle(&mut self, Heard { node, heartbeat }: Heard, ctx: &mut Context<Self>) {
        self.bear("a sign of life", ctx, |orchestrator, _| {
            if let Some(progress) = heartbeat.progress {
                orchestrator.live.send(LiveUpdate::Progress {
                    node: node.clone(),
                    progress,
                });
            }
            orchestrator.liveness.heard(node, Instant::now());
        });
    }
}

impl Handler<Synced> for Orchestrator {
    type Result = ();

    fn handle(&mut self, Synced(outcome): Synced, ctx: &mut Context<Self>) {
        self.bear("what follows from a sync", ctx, |orchestrator, ctx| {
            orchestrator.synced(outcome, ctx);
        });
    }
}
