//! The event log on disk: append, sync, read, verify, recover.
//!
//! A run's log is a directory of JSON Lines files, one for each *epoch* (one writer's life). Every line is chained to
//! the one before by its hash. A writer claims an epoch by creating its file; whoever claims a higher one *fences*
//! it. What was acknowledged is in the history that every later writer reads; what was not may be lost.
//!
//! The journal has a thread of its own and needs no runtime. All decisions are made over [`Storage`], so that the same
//! code runs on a file system and on the simulated disk of [`sim`].

mod base;
mod chain;
mod checked;
mod commit;
mod error;
mod follow;
mod hash;
mod journal;
mod line;
mod lineage;
mod lines;
mod moment;
mod open;
mod probe;
mod queue;
mod reader;
mod scan;
mod sequence;
pub mod sim;
mod storage;
mod tail;
mod verify;

pub use base::Base;
pub use checked::CheckedLine;
pub use commit::SyncOutcome;
pub use error::{Damage, JournalError, LineFault};
pub use follow::{Followed, Follower};
pub use hash::{Head, LineHash};
pub use journal::{Journal, OnSync, Opened};
pub use line::{MAX_LINE_BYTES, MAX_WRITTEN_BYTES};
pub use moment::Moment;
pub use open::{LOOKUP_CACHE_WAIT, Opening};
pub use probe::{FileSystem, Reach, file_system, lookups_cached, probe};
pub use queue::{MAX_QUEUED_BYTES, MAX_QUEUED_LINES};
pub use reader::{CheckedLines, Entry, Position, Reader, read};
pub use scan::HistoryEnd;
pub use storage::{Append, DirStorage, MAX_EPOCH, ReadAt, Storage, StorageError, epoch_file};
pub use tail::{Leftover, LeftoverKind};
pub use verify::{MAX_PROBLEMS, Problem, VerifyReport, verify, verify_log};

#[cfg(test)]
mod histories;
