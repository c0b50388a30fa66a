//! What a load leaves behind, or why it left nothing.

use std::path::PathBuf;

use hpcbench_records::WriteError;
use hpcbench_stats::{EngineReport, Window};

use crate::schedule::ShapeError;

/// A finished file of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockFile {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
}

/// What a load leaves behind. Its T0 is the zero of all times in the records.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Files of records, one per engine thread.
    pub files: Vec<BlockFile>,
    /// T0 as nanoseconds since the Unix epoch.
    pub t0_realtime: i64,
    /// Largest error of `t0_realtime`, nanoseconds.
    pub t0_error: u64,
    /// The measured window, nanoseconds since T0. It ends early where somebody cancelled the load in it.
    pub window: Window,
    /// Somebody cancelled the load.
    pub cancelled: bool,
    /// The engine's account of itself.
    pub engine: EngineReport,
    /// Cores that the engine's threads were bound to; empty if they were not.
    pub cores: Vec<usize>,
    /// The seed that prompts and arrivals were drawn with.
    pub seed: u64,
    /// SHA-256 of the tokenizer that the prompts' tokens were counted with; `None` if their numbers are estimates.
    pub tokenizer_hash: Option<String>,
}

/// A load that ended before its time.
#[derive(Debug, thiserror::Error)]
#[error("the load ended early")]
pub struct LoadFailure {
    /// Why.
    #[source]
    pub reason: LoadError,
    /// What was measured until then; `None` where nothing of it can be had.
    pub kept: Option<Box<Outcome>>,
}

/// Why a load ended before its time, or could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A thread could not be started.
    #[error("cannot start a thread")]
    Spawn(#[source] std::io::Error),
    /// A thread of the lowest priority could not be had.
    #[error("cannot keep processor cores awake; leave `workload.engine.keep_awake` out")]
    KeepAwake(#[source] std::io::Error),
    /// The shape makes no schedule.
    #[error("the load's shape")]
    Shape(#[from] ShapeError),
    /// An engine thread could not wait for its sockets.
    #[error("engine thread {thread} cannot wait for its sockets")]
    Poll {
        /// Which thread.
        thread: u16,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// Records come faster than they can be written.
    #[error(
        "engine thread {thread}: records come faster than the scratch directory takes them; choose a faster one"
    )]
    DiskTooSlow {
        /// Which thread.
        thread: u16,
    },
    /// An engine thread panicked: a fault of this program.
    #[error("engine thread {thread} panicked: {message}")]
    Panicked {
        /// Which thread.
        thread: u16,
        /// The panic's message.
        message: String,
    },
    /// Records could not be written.
    #[error("cannot write records")]
    Records(#[from] WriteError),
    /// The thread that writes records ended, by a fault of this program.
    #[error("the thread that writes records ended: {message}")]
    Writer {
        /// What is known about it.
        message: String,
    },
}
