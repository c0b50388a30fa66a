//! What can go wrong with a log.

use std::sync::Arc;

use hpcbench_core::{Epoch, Seq};

use crate::storage::{MAX_EPOCH, StorageError, epoch_file};
use crate::{Base, LineHash};

/// Why the journal cannot do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("the event log cannot be reached")]
    Storage(#[from] StorageError),
    /// The log is not what its writers wrote.
    #[error(transparent)]
    Damaged(Box<Damage>),
    /// Somebody else claimed the epoch a moment before.
    #[error("another process has just claimed epoch {epoch} of this run; look whether its orchestrator runs")]
    AlreadyClaimed {
        /// The claimed epoch.
        epoch: Epoch,
    },
    /// The run has used up all epochs.
    #[error("the run has {MAX_EPOCH} epochs, which is the limit")]
    TooManyEpochs,
    /// A later writer has taken over; nothing more may be acknowledged or done.
    #[error("epoch {by} has taken over this run")]
    Fenced {
        /// The highest epoch seen.
        by: Epoch,
    },
    /// A write or a sync failed earlier; what is on disk is unknown, so the log takes nothing more.
    #[error("an earlier write to the event log failed")]
    Poisoned(#[source] Arc<StorageError>),
    /// The writer's thread has ended.
    #[error("the event log is closed")]
    Closed,
    /// What is told of syncs panicked, and the writer's thread ended with it.
    #[error("the event log's writer panicked")]
    Panicked,
    /// The writer's thread could not be started.
    #[error("failed to start the journal's thread")]
    Spawn(#[source] std::io::Error),
    /// Events arrive faster than the disk takes them.
    #[error(
        "{lines} lines of {bytes} bytes wait for the disk already; the event log takes no more until they are written"
    )]
    QueueFull {
        /// Lines in the queue.
        lines: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// An event that is too large for a line.
    #[error("an event of type {kind} takes a line of {bytes} bytes; the limit is {limit}")]
    LineTooLong {
        /// The event's type.
        kind: String,
        /// The line's length.
        bytes: usize,
        /// The longest line allowed.
        limit: usize,
    },
    /// An event's data that is no JSON object.
    #[error("the data of an event of type {kind} is not a JSON object")]
    DataIsNoObject {
        /// The event's type.
        kind: String,
    },
    /// An event that cannot be written as JSON.
    #[error("an event of type {kind} cannot be written as JSON")]
    Encode {
        /// The event's type.
        kind: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl From<Damage> for JournalError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(Box::new(damage))
    }
}

/// A place in the log that is not as a writer left it.
#[derive(Debug, thiserror::Error)]
#[error("{}, line {line}, seq {seq}: the event log is damaged", epoch_file(*epoch))]
pub struct Damage {
    /// In which epoch's file.
    pub epoch: Epoch,
    /// In which line of the file, from 1.
    pub line: u64,
    /// The event that is or should be there.
    pub seq: Seq,
    /// What is wrong.
    #[source]
    pub fault: LineFault,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineFault {
    /// No newline at the end, where there has to be one.
    #[error("the line has no end")]
    Unterminated,
    /// A line longer than any writer writes.
    #[error("the line is longer than {limit} bytes")]
    TooLong {
        /// The longest line allowed.
        limit: usize,
    },
    /// No `,"sum":"…"}` at the end.
    #[error("the line does not end in a sum")]
    NoSum,
    /// `sum` does not belong to the bytes before it.
    #[error("the line's sum is {stated}, but its bytes have the sum {actual}")]
    WrongSum {
        /// As the line states it.
        stated: String,
        /// As it is.
        actual: String,
    },
    /// The sum is right, but the line is no event.
    #[error("the line is not an event")]
    NotAnEvent(#[source] serde_json::Error),
    /// A gap in the sequence, or a step back.
    #[error("the line has seq {found}, but seq {expected} comes next")]
    WrongSeq {
        /// The next number.
        expected: Seq,
        /// The line's number.
        found: Seq,
    },
    /// The line was not written after the line before it.
    #[error("the line names {found} as the hash of the line before it, which is {expected}")]
    WrongPrev {
        /// The hash of the line before.
        expected: LineHash,
        /// The hash that the line names.
        found: LineHash,
    },
    /// An epoch's first line that does not open an epoch.
    #[error("the epoch's first line is not an epoch.started event that names its base: {reason}")]
    NoBase {
        /// What is missing.
        reason: String,
    },
    /// An epoch continues a history that is not there.
    #[error(
        "the line continues epoch {} after {} bytes and seq {}, but the history before it ends in epoch {} after {} bytes and seq {}",
        named.epoch, named.bytes, named.seq, found.epoch, found.bytes, found.seq
    )]
    WrongBase {
        /// As the line names it.
        named: Base,
        /// As it is.
        found: Base,
    },
    /// A file that is shorter than when the next epoch began.
    #[error("the file ends after {bytes} bytes, but the next epoch found {expected} bytes")]
    CutShort {
        /// Its length.
        bytes: u64,
        /// Its length then.
        expected: u64,
    },
}
