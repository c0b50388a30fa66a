//! The state machine with its journal: commands in, events on their way to the disk and effects out.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hpcbench_core::event::{CommandRejected, Draft, Event};
use hpcbench_core::{
    Command, Decided, Effect, Epoch, NodeId, Outline, Rejection, Seq, State, Timestamp, decide, effects,
    evolve, upcast,
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
    /// When deciding or folding panicked, within the last minute.
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
pub(super) enum Taken {
    /// Events; none if it changed nothing.
    Events(Vec<Appended>),
    /// It did not fit the state.
    Rejected(Rejection),
}

impl Machine {
    /// A machine whose `state` is that of the log so far.
    pub(super) fn new(run_dir: PathBuf, node: NodeId, state: State, journal: Journal) -> Self {
        Self {
            run_dir,
            node,
            outline: Arc::clone(&state.outline),
            state,
            journal,
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
    pub(super) fn take(
        &mut self,
        command: &Command,
        cause: Option<Seq>,
        now: Timestamp,
    ) -> Result<Taken, OrchestratorError> {
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
                    appended => return appended.map(Taken::Events),
                },
                Ok(Err(rejection)) => return Ok(Taken::Rejected(rejection)),
                Err(message) => {
                    tracing::error!(
                        command = command.name(),
                        message,
                        "rebuilding the state from the log"
                    );
                    self.note_panic(now, &message)?;
                    self.rebuild(&[])?;
                    reason = message;
                }
            }
        }
        let rejected = CommandRejected {
            command: command.name().to_owned(),
            reason,
        };
        match self.decide(Command::Reject(rejected), now) {
            Ok(Ok(decided)) => self.append(decided, cause, now).map(Taken::Events),
            Ok(Err(rejection)) => Ok(Taken::Rejected(rejection)),
            Err(reason) => Ok(Taken::Rejected(Rejection {
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
        let before = std::mem::replace(&mut self.state, State::new(Arc::clone(&self.outline)));
        match catch(|| fold_all(self.pure, before, &entries)) {
            Ok((state, appended)) => {
                self.state = state;
                Ok(appended)
            }
            Err(message) => {
                // They are in the log, and what follows from them has to be done.
                tracing::error!(message, "rebuilding the state from the log");
                self.note_panic(now, &message)?;
                self.rebuild(&entries)
            }
        }
    }

    /// Folds the log anew, the last `entries` of it with what follows from them.
    fn rebuild(&mut self, entries: &[Arc<Entry>]) -> Result<Vec<Appended>, OrchestratorError> {
        // The file has what is appended once it is synced; the journal's thread is at it.
        while self.journal.durable()? < self.head() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let before = Seq(self.head().0 - entries.len() as u64);
        let outline = Arc::clone(&self.outline);
        let rebuilt = catch(|| {
            let state = fold_log(self.pure, &self.run_dir, outline, Some(before))?;
            Ok::<_, JournalError>(fold_all(self.pure, state, entries))
        });
        let (state, appended) = rebuilt.map_err(|last| OrchestratorError::Panics {
            count: self.panics.len() + 1,
            last,
        })??;
        self.state = state;
        Ok(appended)
    }
}

/// Folds events just as a reader of the log would, and tells what follows from each.
fn fold_all(pure: Pure, mut state: State, entries: &[Arc<Entry>]) -> (State, Vec<Appended>) {
    let mut appended = Vec::with_capacity(entries.len());
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
        if until.is_some_and(|until| entry.event.seq > until) {
            break;
        }
        state = (pure.evolve)(state, &upcast(entry.event));
    }
    Ok(state)
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
