//! The state machine with its journal: commands in, events on their way to the disk and effects out.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hpcbench_core::event::{CommandRejected, Draft, Event};
use hpcbench_core::{
    Command, Decided, Effect, Epoch, NodeId, Outline, Rejection, Seq, State, Timestamp, decide, effects,
    evolve, upcast,
};
use hpcbench_journal::{DirStorage, Entry, Journal, JournalError, Storage};

use super::OrchestratorError;
use crate::shell::catch;

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
    /// When deciding panicked, within the last minute.
    panics: VecDeque<Timestamp>,
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
        }
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
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
        let storage = DirStorage::new(&self.run_dir);
        storage.higher_than(self.journal.epoch()).ok().flatten()
    }

    /// Takes a command that the event `cause` led to. A command that makes the machine panic twice is rejected, and
    /// that is recorded.
    pub(super) fn take(
        &mut self,
        command: &Command,
        cause: Option<Seq>,
        now: Timestamp,
    ) -> Result<Taken, OrchestratorError> {
        let mut panic = String::new();
        for _ in 0..2 {
            match catch(|| decide(&self.state, command.clone(), now)) {
                Ok(Ok(decided)) => return self.append(decided, cause, now).map(Taken::Events),
                Ok(Err(rejection)) => return Ok(Taken::Rejected(rejection)),
                Err(message) => {
                    tracing::error!(
                        command = command.name(),
                        message,
                        "rebuilding the state from the log"
                    );
                    self.note_panic(now, &message)?;
                    self.rebuild()?;
                    panic = message;
                }
            }
        }
        let rejected = CommandRejected {
            command: command.name().to_owned(),
            reason: panic,
        };
        match catch(|| decide(&self.state, Command::Reject(rejected), now)) {
            Ok(Ok(decided)) => self.append(decided, cause, now).map(Taken::Events),
            Ok(Err(rejection)) => Ok(Taken::Rejected(rejection)),
            Err(reason) => Ok(Taken::Rejected(Rejection {
                command: command.name(),
                reason,
            })),
        }
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
        for (index, one) in decided.into_iter().enumerate() {
            // What follows within one decision was caused by what came just before it.
            let causation = if index == 0 {
                cause
            } else {
                Some(Seq(first.0 + index as u64 - 1))
            };
            drafts.push(draft(one, &self.node, causation, now)?);
        }
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let entries = self.journal.append(drafts)?;
        Ok(entries.into_iter().map(|entry| self.fold(&entry)).collect())
    }

    /// Folds an event just as a reader of the log would.
    fn fold(&mut self, entry: &Entry) -> Appended {
        let event = upcast(entry.event.clone());
        let blank = State::new(Arc::clone(&self.outline));
        self.state = evolve(std::mem::replace(&mut self.state, blank), &event);
        let effects = effects(&self.state, &event);
        Appended { event, effects }
    }

    fn rebuild(&mut self) -> Result<(), OrchestratorError> {
        // The file has what is appended once it is synced; the journal's thread is at it.
        while self.journal.durable()? < self.head() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        self.state = folded(&self.run_dir, Arc::clone(&self.outline), None)?;
        Ok(())
    }
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
    let mut state = State::new(outline);
    for entry in hpcbench_journal::read(run_dir)? {
        let entry = entry?;
        if until.is_some_and(|until| entry.event.seq > until) {
            break;
        }
        state = evolve(state, &upcast(entry.event));
    }
    Ok(state)
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
