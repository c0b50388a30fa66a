//! Tries what the log needs of the file system under a directory, and says what is slow or unsafe about it.

mod kind;
mod scratch;
mod trials;
mod warnings;

use std::path::Path;

use hpcbench_core::event::FileSystemProbed;

use crate::StorageError;
use kind::Kind;
pub use kind::{FileSystem, Reach};
use scratch::Scratch;

/// Probes the file system under `dir`, within about half a second unless a single sync stalls. `path` is what the
/// event calls the directory. All files are in a private directory of their own below `dir`, which is removed.
///
/// # Errors
///
/// If `dir` cannot be looked at or written to. That a rename or an exclusive creation does not work is no error but a
/// finding.
pub fn probe(dir: &Path, path: &str) -> Result<FileSystemProbed, StorageError> {
    let kind = Kind::of(dir)?;
    let scratch = Scratch::new(dir)?;
    let syncs = trials::time_syncs(scratch.path())?;
    let mut probed = FileSystemProbed {
        path: path.to_owned(),
        kind: kind.name(),
        sync_p50_seconds: syncs.quantile(0.50),
        sync_p99_seconds: syncs.quantile(0.99),
        samples: syncs.count(),
        rename: trials::renames(scratch.path()),
        exclusive_create: trials::creates_exclusively(scratch.path()),
        lookups_cached: kind.caches_lookups(),
        warnings: Vec::new(),
    };
    probed.warnings = warnings::of(&probed, kind.sort());
    Ok(probed)
}

/// Whether the file system under `dir` may hide a file that another node has just created, since it caches look-ups. Tells it
/// by the type alone; of a type that is not known, the worst is assumed.
///
/// # Errors
///
/// If `dir` cannot be looked at.
pub fn lookups_cached(dir: &Path) -> Result<bool, StorageError> {
    Ok(Kind::of(dir)?.caches_lookups())
}

/// The file system that `dir` is on, by its type alone.
///
/// # Errors
///
/// If `dir` cannot be looked at.
pub fn file_system(dir: &Path) -> Result<FileSystem, StorageError> {
    let kind = Kind::of(dir)?;
    Ok(FileSystem {
        kind: kind.name(),
        reach: kind.reach(),
    })
}

#[cfg(test)]
mod tests;
