//! Why a run cannot be shown.

use std::io;
use std::path::{Path, PathBuf};

use hpcbench_core::Seq;
use hpcbench_journal::JournalError;

/// Why a run cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Nothing is called that.
    #[error("no run {run:?}: it is neither a run directory nor the beginning of the id of a run in {}; `hpcbench list` shows them", runs_dir.display())]
    NoSuchRun {
        /// As the user gave it.
        run: String,
        /// Where runs were looked for.
        runs_dir: PathBuf,
    },
    /// Several runs are called that.
    #[error("{run:?} may be the run in {} and {more} more; give more of its id, or its directory", first.display())]
    Ambiguous {
        /// As the user gave it.
        run: String,
        /// The directory of one of them.
        first: PathBuf,
        /// How many others there are.
        more: usize,
    },
    /// A directory with more runs than are looked through.
    #[error("{} holds more than {limit} entries; name the run directory itself", runs_dir.display())]
    TooManyRuns {
        /// Where.
        runs_dir: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// A directory that holds no run.
    #[error("{} is not a run directory: it has no plan.json", .0.display())]
    NotARun(PathBuf),
    /// The log is read on a thread of its own.
    #[error("the system gives this process no thread to read the log on; see `ulimit -u`")]
    NoThread(#[source] io::Error),
    /// A number that no event has.
    #[error("{} has no event {seq}: {}", run_dir.display(), range(*last))]
    NoSuchEvent {
        /// Where it was looked for.
        run_dir: PathBuf,
        /// As the user gave it.
        seq: Seq,
        /// The last one that there is; 0 if there is none.
        last: Seq,
    },
    /// More events than a trace can hold.
    #[error(
        "the log has more than {} events to trace; end the trace earlier with --until",
        crate::trace::MAX_TRACED_EVENTS
    )]
    TooManyToTrace,
    /// The plan is not the one that was made.
    #[error("{} is not a plan that this version can read: {problem}", path.display())]
    BadPlan {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The plan has been exchanged since the run was created.
    #[error("{} has the hash {found}, but the run was created with the plan {expected}", path.display())]
    OtherPlan {
        /// The file.
        path: PathBuf,
        /// Its hash.
        found: String,
        /// The hash in the log.
        expected: String,
    },
    /// The log cannot be read, or is not what was written.
    #[error("failed to read the events of {}", run_dir.display())]
    Log {
        /// Whose log.
        run_dir: PathBuf,
        /// Why.
        #[source]
        source: JournalError,
    },
    /// The file system refused.
    #[error("failed to {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A report that cannot be written as JSON.
    #[error("the report cannot be written as JSON")]
    Encode(#[from] serde_json::Error),
}

impl ReportError {
    /// For `map_err`: `action` on `path` failed.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    /// The exit code of a program that ends with this: 4 where the run is not what was written, 2 where no run was
    /// named, else 3.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::NoSuchRun { .. }
            | Self::Ambiguous { .. }
            | Self::TooManyRuns { .. }
            | Self::NotARun(_)
            | Self::NoSuchEvent { .. }
            | Self::TooManyToTrace => 2,
            Self::BadPlan { .. }
            | Self::OtherPlan { .. }
            | Self::Log {
                source: JournalError::Damaged(_),
                ..
            } => 4,
            Self::Log { .. } | Self::NoThread(_) | Self::File { .. } | Self::Encode(_) => 3,
        }
    }
}

/// The numbers that there are.
fn range(last: Seq) -> String {
    match last {
        Seq(0) => "its log is empty".to_owned(),
        last => format!("its events are 1 to {last}"),
    }
}
