//! The state machine with its journal: commands in, events on their way to the disk and effects out.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hpcbench_core::event::{Afterwards, Body, CommandRejected, Draft, Event, RunPaused, StateRebuilt};
use hpcbench_core::{
    Actor, Command, Decided, Effect, Epoch, LedBy, NodeId, Outline, Rejection, Seq, State, Timestamp, decide,
    effects, evolve, upcast,
};
use hpcbench_journal::{Entry, Journal, JournalError};

use super::OrchestratorError;
use crate::shell::{catch, describe, successor_of};

/// More panics than this within [`PANIC_WINDOW_SECONDS`] end the run.
const MAX_PANICS: usize = 5;
const PANIC_WINDOW_SECONDS: f64 = 60.0;

/// The state machine with its journal.
pub(super) struct Machine {
    run_dir: PathBuf,
    node: NodeId,
    outline: Arc<Outline>,
    state: State,
    journal: Journal,
    /// The last events appended: among them all that the disk may not have yet.
    recent: VecDeque<Arc<Entry>>,
    /// Something more may happen in this epoch of the run.
    is_open: bool,
    /// When something panicked, within the last minute.
    panics: VecDeque<Timestamp>,
    pure: Pure,
}

/// What a command leads to and what an event means: pure functions, but not without faults.
#[derive(Clone, Copy)]
struct Pure {
    decide: fn(&State, Command, Timestamp) -> Result<Vec<Decided>, Rejection>,
    evolve: fn(State, &Event) -> State,
}

/// An event that was appended, and what follows from it once it is synced.
pub(super) struct Appended {
    pub(super) event: Event,
    pub(super) effects: Vec<Effect>,
}

/// What a command came to.
#[derive(Default)]
pub(super) struct Taken {
    /// The events that were appended; none if it changed nothing.
    pub(super) events: Vec<Appended>,
    /// Why it did not fit the state, if it did not.
    pub(super) refused: Option<Rejection>,
}

impl Machine {
    /// A machine whose `state` is that of the log so far.
    pub(super) fn new(run_dir: PathBuf, node: NodeId, state: State, journal: Journal) -> Self {
        Self {
            run_dir,
            node,
            outline: Arc::clone(&state.outline),
            is_open: is_open(&state),
            state,
            journal,
            recent: VecDeque::new(),
            panics: VecDeque::new(),
            pure: Pure { decide, evolve },
        }
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.journal.epoch()
    }

    /// The last event appended; it may not be synced yet.
    pub(super) fn head(&self) -> Seq {
        self.journal.head().seq
    }

    #[cfg(test)]
    pub(super) fn durable(&self) -> Result<Seq, JournalError> {
        self.journal.durable()
    }

    /// Writes and syncs what waits; nothing more is appended.
    pub(super) fn close(self) -> Result<(), JournalError> {
        self.journal.close().map(drop)
    }

    /// The epoch that has taken this run over, if one has. Where that cannot be found out, the journal will.
    pub(super) fn successor(&self) -> Option<Epoch> {
        successor_of(&self.run_dir, self.journal.epoch())
    }

    /// Takes a command that the event `cause` led to. A command that makes the machine panic twice is rejected, and so is one
    /// that leads to an event which no line has room for; that is recorded.
    ///
    /// # Errors
    /// The journal cannot go on, or nothing but panics comes of it; the log says so then, if it can.
    pub(super) fn take(
        &mut self,
        command: &Command,
        cause: Option<Seq>,
        now: Timestamp,
    ) -> Result<Taken, OrchestratorError> {
        let mut events = Vec::new();
        let refused = self.try_to_take(command, cause, now, &mut events);
        let refused = refused.inspect_err(|error| self.give_up(error, now))?;
        Ok(Taken { events, refused })
    }

    /// After a panic outside of this machine: the state is that of the log, and the log says so.
    ///
    /// # Errors
    /// As of [`Self::take`].
    pub(super) fn bear(
        &mut self,
        during: &str,
        message: &str,
        now: Timestamp,
    ) -> Result<Vec<Appended>, OrchestratorError> {
        self.rebuild_after(during, message, &[], now)
            .inspect_err(|error| self.give_up(error, now))
    }

    /// Why the command was refused, if it was.
    fn try_to_take(
        &mut self,
        command: &Command,
        cause: Option<Seq>,
        now: Timestamp,
        events: &mut Vec<Appended>,
    ) -> Result<Option<Rejection>, OrchestratorError> {
        let mut reason = String::new();
        for _ in 0..2 {
            match self.decide(command.clone(), now) {
                Ok(Ok(decided)) => match self.append(decided, cause, now) {
                    Err(OrchestratorError::Journal(error @ JournalError::LineTooLong { .. }))
                        // Nobody asks for what time leads to: refused, it would be decided again and again.
                        if !matches!(command, Command::Tick) =>
                    {
                        tracing::error!(command = command.name(), %error, "refusing a command");
                        reason = describe(&error);
                        break;
                    }
                    appended => {
                        events.extend(appended?);
                        return Ok(None);
                    }
                },
                Ok(Err(rejection)) => return Ok(Some(rejection)),
                Err(message) => {
                    events.extend(self.rebuild_after(command.name(), &message, &[], now)?);
                    reason = message;
                }
            }
        }
        let rejected = CommandRejected {
            command: command.name().to_owned(),
            reason,
        };
        match self.decide(Command::Reject(rejected), now) {
            Ok(Ok(decided)) => {
                events.extend(self.append(decided, cause, now)?);
                Ok(None)
            }
            Ok(Err(rejection)) => Ok(Some(rejection)),
            Err(reason) => Ok(Some(Rejection {
                command: command.name(),
                reason,
            })),
        }
    }

    /// What a command leads to, or with which message deciding panicked.
    fn decide(&self, command: Command, now: Timestamp) -> Result<Result<Vec<Decided>, Rejection>, String> {
        catch(|| (self.pure.decide)(&self.state, command, now))
    }

    fn note_panic(&mut self, now: Timestamp, message: &str) -> Result<(), OrchestratorError> {
        while self
            .panics
            .front()
            .is_some_and(|first| now.seconds_since(*first) > PANIC_WINDOW_SECONDS)
        {
            self.panics.pop_front();
        }
        self.panics.push_back(now);
        if self.panics.len() > MAX_PANICS {
            return Err(OrchestratorError::Panics {
                count: self.panics.len(),
                last: message.to_owned(),
            });
        }
        Ok(())
    }

    fn append(
        &mut self,
        decided: Vec<Decided>,
        cause: Option<Seq>,
        now: Timestamp,
    ) -> Result<Vec<Appended>, OrchestratorError> {
        let first = self.head().next();
        let mut drafts = Vec::with_capacity(decided.len());
        for one in decided {
            let causation = one.led_by.causation(cause, first);
            drafts.push(draft(one, &self.node, causation, now)?);
        }
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let entries = self.journal.append(drafts)?;
        self.keep(&entries);
        let before = std::mem::replace(&mut self.state, State::new(Arc::clone(&self.outline)));
        match catch(|| fold_all(self.pure, before, &entries)) {
            Ok((state, appended)) => {
                self.state = state;
                self.is_open = is_open(&self.state);
                Ok(appended)
            }
            // They are in the log, and what follows from them has to be done.
            Err(message) => self.rebuild_after("folding", &message, &entries, now),
        }
    }

    /// Keeps what was appended until the disk has it.
    fn keep(&mut self, entries: &[Arc<Entry>]) {
        if let Ok(durable) = self.journal.durable() {
            while self
                .recent
                .pop_front_if(|entry| entry.event.seq <= durable)
                .is_some()
            {}
        }
        self.recent.extend(entries.iter().cloned());
    }

    /// Goes on with the log's state after a panic, and records that. Returns the last `entries` of the log and the record,
    /// with what follows from them.
    fn rebuild_after(
        &mut self,
        during: &str,
        message: &str,
        entries: &[Arc<Entry>],
        now: Timestamp,
    ) -> Result<Vec<Appended>, OrchestratorError> {
        tracing::error!(during, message, "rebuilding the state from the log");
        self.note_panic(now, message)?;
        let mut appended = self.rebuild(entries)?;
        if self.is_open {
            // Not decided on: deciding may be what panics.
            let record = own(StateRebuilt {
                during: during.to_owned(),
                reason: message.to_owned(),
            });
            appended.extend(self.append(vec![record], None, now)?);
        }
        Ok(appended)
    }

    /// Folds the log anew, the last `entries` of it with what follows from them.
    fn rebuild(&mut self, entries: &[Arc<Entry>]) -> Result<Vec<Appended>, OrchestratorError> {
        let before = Seq(self.head().0 - entries.len() as u64);
        // What is not synced yet is not waited for.
        let durable = self.journal.durable()?.min(before);
        let unsynced = self.recent.iter().filter(|entry| {
            let seq = entry.event.seq;
            durable < seq && seq <= before
        });
        let outline = Arc::clone(&self.outline);
        let rebuilt = catch(|| {
            let state = fold_log(self.pure, &self.run_dir, outline, Some(durable))?;
            let (state, _) = fold_all(self.pure, state, unsynced);
            Ok::<_, JournalError>(fold_all(self.pure, state, entries))
        });
        let (state, appended) = rebuilt.map_err(|last| OrchestratorError::Panics {
            count: self.panics.len() + 1,
            last,
        })??;
        self.state = state;
        self.is_open = is_open(&self.state);
        Ok(appended)
    }

    /// Nothing but panics: the log's last word is why this epoch has ended, for whoever resumes the run.
    fn give_up(&mut self, error: &OrchestratorError, now: Timestamp) {
        if !self.is_open || !matches!(error, OrchestratorError::Panics { .. }) {
            return;
        }
        self.is_open = false;
        let paused = own(RunPaused {
            exit_code: 1,
            reason: error.to_string(),
            afterwards: Afterwards::Wait,
        });
        let written = draft(paused, &self.node, None, now)
            .and_then(|draft| self.journal.append(vec![draft]).map_err(OrchestratorError::from));
        if let Err(error) = written {
            tracing::error!(
                error = describe(&error),
                "the log does not say why the epoch ends"
            );
        }
    }
}

const fn is_open(state: &State) -> bool {
    state.run.is_some() && !state.is_over()
}

/// An event of the orchestrator's own that no command led to.
fn own(body: impl Into<Body>) -> Decided {
    Decided {
        actor: Actor::Orchestrator,
        node: None,
        report: None,
        led_by: LedBy::Time,
        body: body.into(),
    }
}

/// Folds events just as a reader of the log would, and tells what follows from each.
fn fold_all<'a>(
    pure: Pure,
    mut state: State,
    entries: impl IntoIterator<Item = &'a Arc<Entry>>,
) -> (State, Vec<Appended>) {
    let mut appended = Vec::new();
    for entry in entries {
        let event = upcast(entry.event.clone());
        state = (pure.evolve)(state, &event);
        let effects = effects(&state, &event);
        appended.push(Appended { event, effects });
    }
    (state, appended)
}

fn draft(
    decided: Decided,
    own: &NodeId,
    causation: Option<Seq>,
    now: Timestamp,
) -> Result<Draft, OrchestratorError> {
    Ok(Draft {
        at: now,
        kind: decided.body.kind().to_owned(),
        version: decided.body.version(),
        actor: decided.actor.as_str().to_owned(),
        node: decided.node.unwrap_or_else(|| own.clone()),
        correlation: decided.body.correlation(),
        causation,
        data: decided.body.to_data(decided.report.as_ref())?,
    })
}

/// The state that the log on disk adds up to, through `until` if given.
pub(super) fn folded(
    run_dir: &Path,
    outline: Arc<Outline>,
    until: Option<Seq>,
) -> Result<State, JournalError> {
    fold_log(Pure { decide, evolve }, run_dir, outline, until)
}

fn fold_log(
    pure: Pure,
    run_dir: &Path,
    outline: Arc<Outline>,
    until: Option<Seq>,
) -> Result<State, JournalError> {
    let mut state = State::new(outline);
    for entry in hpcbench_journal::read(run_dir)? {
        let entry = entry?;
        let seq = entry.event.seq;
        if until.is_some_and(|until| seq > until) {
            break;
        }
        state = (pure.evolve)(state, &upcast(entry.event));
        if until == Some(seq) {
            // What follows may be in the middle of being written.
            break;
        }
    }
    Ok(state)
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
