//! What can go wrong with a Parquet file.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;

/// What can go wrong with a Parquet file.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be created, opened, synced or renamed.
    #[error("cannot {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// No space or no quota is left. The unfinished file is removed; the block files that it is made from remain.
    #[error("no space left to write {path}; free some and run the trial again")]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The Parquet library failed.
    #[error("cannot {what} the Parquet file {path}")]
    Parquet {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The library's reason.
        #[source]
        source: ParquetError,
    },
    /// The file is no table of records, or of another schema.
    #[error("{path} is no table of records as this program writes them: {what}")]
    NotRecords {
        /// The file.
        path: PathBuf,
        /// What is missing or different.
        what: String,
    },
}

impl TableError {
    pub(crate) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        if is_full(&source) {
            return Self::DiskFull {
                path: path.to_owned(),
                source: source.into(),
            };
        }
        Self::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn parquet(what: &'static str, path: &Path, source: ParquetError) -> Self {
        let path = path.to_owned();
        match source {
            ParquetError::External(cause) if cause.downcast_ref().is_some_and(is_full) => {
                Self::DiskFull { path, source: cause }
            }
            source => Self::Parquet { what, path, source },
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
