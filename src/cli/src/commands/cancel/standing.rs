//! Whether there is anything to cancel.

use std::path::Path;

use hpcbench_core::event::Writer;
use hpcbench_report::{RunState, RunView, WriterLife};

use crate::commands::standing::{self, JobStanding};
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
    /// It has no process yet.
    NotBegun,
    /// It is left to a job that waits in the queue.
    Waiting {
        /// The job, as Slurm says this moment.
        job: JobStanding,
    },
    /// It goes on, or may.
    Active {
        /// Its process, as far as the log can be read.
        writer: Option<Writer>,
    },
}

impl Standing {
    /// How the run in this directory stands. A log that cannot be read does not keep anybody from cancelling.
    pub(super) fn of(run_dir: &Path) -> Self {
        let unknown = Self::Active { writer: None };
        let Ok(view) = RunView::load(run_dir) else {
            return unknown;
        };
        if view.state.outcome.is_none()
            && view.state.is_over()
            && let Some(job) = standing::of_now(run_dir, &view).filter(JobStanding::may_live)
        {
            return Self::Waiting { job };
        }
        Self::seen(&view, writer::life_in(&view))
    }

    fn seen(view: &RunView, life: WriterLife) -> Self {
        let state = RunState::of(view, life);
        if view.state.outcome.is_some() {
            return Self::Ended(state);
        }
        let Some(epoch) = view.epochs.last() else {
            return Self::NotBegun;
        };
        let writer = epoch.writer.clone();
        if life == WriterLife::Gone {
            Self::Abandoned(writer)
        } else if view.state.cancel.is_some() {
            Self::Cancelling
        } else {
            let writer = Some(writer);
            Self::Active { writer }
        }
    }

    /// Why nothing has to be done; `None` otherwise.
    pub(super) fn settled(&self) -> Option<String> {
        match self {
            Self::Ended(state) => Some(format!("the run has ended already: it is {}", state.as_str())),
            Self::Abandoned(writer) => Some(format!(
                "there is nothing to cancel: the process that ran it ({} on {}) is gone, and nothing goes on unless \
                 `hpcbench resume` continues it",
                writer.pid, writer.host
            )),
            Self::Cancelling => Some("the run has been asked to end already, and does".to_owned()),
            Self::NotBegun | Self::Waiting { .. } | Self::Active { .. } => None,
        }
    }
}
