//! Whether there is anything to cancel.

use std::path::Path;

use hpcbench_core::event::Writer;
use hpcbench_report::{RunState, RunView, WriterLife};

use crate::writer;

/// How a run stands, for whoever wants it to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has ended.
    Ended(RunState),
    /// Its process is gone, and nobody goes on with it.
    Abandoned(Writer),
    /// It was asked to end and does.
    Cancelling,
    /// It goes on, or may.
    Active,
}

impl Standing {
    /// How the run in this directory stands. A log that cannot be read does not keep anybody from cancelling.
    pub(super) fn of(run_dir: &Path) -> Self {
        RunView::load(run_dir).map_or(Self::Active, |view| Self::seen(&view, writer::life_in(&view)))
    }

    fn seen(view: &RunView, life: WriterLife) -> Self {
        let state = RunState::of(view, life);
        if view.state.outcome.is_some() {
            return Self::Ended(state);
        }
        match view.epochs.last() {
            Some(epoch) if life == WriterLife::Gone => Self::Abandoned(epoch.writer.clone()),
            _ if view.state.cancel.is_some() => Self::Cancelling,
            _ => Self::Active,
        }
    }

    /// Why nothing has to be done; `None` if something has.
    pub(super) fn in_words(&self) -> Option<String> {
        match self {
            Self::Ended(state) => Some(format!("the run has ended already: it is {}", state.as_str())),
            Self::Abandoned(writer) => Some(format!(
                "there is nothing to cancel: the process that ran it ({} on {}) is gone, and nothing goes on unless \
                 `hpcbench resume` continues it",
                writer.pid, writer.host
            )),
            Self::Cancelling => Some("the run has been asked to end already, and does".to_owned()),
            Self::Active => None,
        }
    }
}
