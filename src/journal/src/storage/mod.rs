//! Where the log's bytes are kept: what the journal asks of a file system, and nothing more.

mod dir;

pub use dir::DirStorage;

use std::io;
use std::path::{Path, PathBuf};

use hpcbench_core::Epoch;

/// Highest epoch number: file names have six digits.
pub const MAX_EPOCH: Epoch = Epoch(999_999);

/// The name of an epoch's file within a run directory.
pub fn epoch_file(epoch: Epoch) -> String {
    format!("events/{epoch:06}.jsonl", epoch = epoch.0)
}

/// Something that a file system refused.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} {}", path.display())]
pub struct StorageError {
    /// What was tried.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// The system's answer.
    #[source]
    pub source: io::Error,
}

impl StorageError {
    /// For `map_err`: `action` on `path` failed.
    pub fn on(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

/// The epoch files of one run. Nothing is cached between calls.
pub trait Storage: Send + Sync {
    /// The epochs that have a file, ascending.
    fn epochs(&self) -> Result<Vec<Epoch>, StorageError>;

    /// Whether any file of an epoch above `epoch` exists, and which is the highest.
    fn higher_than(&self, epoch: Epoch) -> Result<Option<Epoch>, StorageError> {
        Ok(self.epochs()?.pop().filter(|highest| *highest > epoch))
    }

    /// Creates the file of `epoch`, empty, and makes file and name durable.
    ///
    /// # Errors
    ///
    /// A source of kind `AlreadyExists` if the epoch has a file already.
    fn claim(&self, epoch: Epoch) -> Result<Box<dyn Append>, StorageError>;

    /// Opens the file of `epoch` for reading.
    fn open(&self, epoch: Epoch) -> Result<Box<dyn ReadAt>, StorageError>;

    /// Makes the bytes `from..to` of the file of `epoch` durable as a reader sees them, whoever wrote them. They are written again
    /// first: after a failed sync, a system may take pages for written that are not, and a mere sync would succeed.
    fn harden(&self, epoch: Epoch, from: u64, to: u64) -> Result<(), StorageError>;

    /// Copies the bytes of `epoch` from `from` on to its `.torn` file, which is replaced, and makes it durable.
    fn keep_torn(&self, epoch: Epoch, from: u64) -> Result<(), StorageError>;

    /// Cuts the file of `epoch` to `bytes` bytes and makes that durable.
    fn truncate(&self, epoch: Epoch, bytes: u64) -> Result<(), StorageError>;
}

/// The one writer's end of an epoch file.
pub trait Append: Send {
    /// Writes all of `bytes` at the end. After an error, any part of them may be there.
    fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError>;

    /// Makes everything appended so far durable. After an error, nothing is known.
    fn sync(&mut self) -> Result<(), StorageError>;
}

/// A reader's end of an epoch file, which may grow meanwhile.
pub trait ReadAt: Send {
    /// Reads what fits into `buffer` from `offset` on; 0 bytes mean that the file ends there at the moment.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, StorageError>;

    /// The file's length at the moment, in bytes.
    fn size(&self) -> Result<u64, StorageError>;
}
