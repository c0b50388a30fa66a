//! What ends the orchestrator's process.

use std::io;
use std::sync::Arc;

use hpcbench_core::Epoch;
use hpcbench_journal::{JournalError, StorageError};

/// Why the orchestrator cannot go on. What it had decided but not synced never happened.
#[derive(Debug, thiserror::Error)]
pub enum OrchestratorError {
    /// The event log cannot be opened or appended to.
    #[error("failed to write the event log")]
    Journal(#[source] JournalError),
    /// The disk refused to make an event durable.
    #[error(
        "failed to sync the event log: nothing more may be done in this epoch, and what was not synced did not happen; look at \
         the disk, then `hpcbench resume` goes on"
    )]
    Sync(#[source] Arc<StorageError>),
    /// Another orchestrator has taken the run over.
    #[error("epoch {by} has taken this run over: this orchestrator does nothing more")]
    Fenced {
        /// The successor.
        by: Epoch,
    },
    /// Another orchestrator went on with the run while this one got ready.
    #[error("the run cannot go on from here: {reason}; look at `hpcbench status`, then resume it again")]
    Begin {
        /// What the state machine says.
        reason: String,
    },
    /// The user gave up before anything was started. The claim of the epoch may stand.
    #[error(
        "interrupted by {signal} while the event log was being opened: nothing was started here, and an orchestrator that was \
         still at work on the run gives way; `hpcbench resume` goes on with it"
    )]
    Interrupted {
        /// Which signal.
        signal: &'static str,
    },
    /// The orchestrator keeps panicking: a fault of this program.
    #[error(
        "hpcbench itself failed {count} times within a minute, last with {last}; the log is intact, and `hpcbench resume` goes \
         on with the run"
    )]
    Panics {
        /// How often.
        count: usize,
        /// The last message.
        last: String,
    },
    /// The system refuses what every run needs.
    #[error("failed to {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// An event could not be written as JSON.
    #[error("failed to write an event as JSON")]
    Encode(#[from] serde_json::Error),
}

/// The journal tells an appender, too, why it has stopped: whichever comes first, it is the same end.
impl From<JournalError> for OrchestratorError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Fenced { by } => Self::Fenced { by },
            JournalError::Poisoned(cause) => Self::Sync(cause),
            other => Self::Journal(other),
        }
    }
}

impl OrchestratorError {
    /// For `map_err`: what was tried.
    pub(super) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::System { what, cause }
    }
}
