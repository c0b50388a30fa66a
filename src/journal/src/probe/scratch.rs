//! The directory that a probe works in.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::StorageError;

const PREFIX: &str = ".probe-";
const DIR_MODE: u32 = 0o700;

/// What is older was left behind by a probe that was killed: no probe takes this long.
const STALE_AFTER: Duration = Duration::from_mins(10);

/// A private directory that goes when this is dropped.
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes the directory, below `dir`, and removes those that killed probes have left there.
    pub(super) fn new(dir: &Path) -> Result<Self, StorageError> {
        remove_stale(dir);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let path = dir.join(format!("{PREFIX}{}-{}", std::process::id(), now.as_nanos()));
        DirBuilder::new()
            .mode(DIR_MODE)
            .create(&path)
            .map_err(StorageError::on("create", &path))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed by a later probe.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Best effort: a directory that stays does no harm.
fn remove_stale(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let modified = entry.metadata().and_then(|found| found.modified());
        let age = modified.ok().and_then(|at| at.elapsed().ok());
        if ours && age.is_some_and(|age| age > STALE_AFTER) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
