//! What a probe tries.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::StorageError;

const FILE_MODE: u32 = 0o600;

/// Most appends that are timed.
const MAX_SAMPLES: usize = 100;
/// No further append is timed after this many seconds.
pub(super) const MAX_SECONDS: f64 = 0.5;
/// Bytes of one append: about those of an event.
const APPEND_BYTES: usize = 512;

/// How long appends took with their syncs, ascending; at least one.
pub(super) struct Syncs {
    seconds: Vec<f64>,
}

impl Syncs {
    fn new(mut seconds: Vec<f64>) -> Self {
        seconds.sort_unstable_by(f64::total_cmp);
        Self { seconds }
    }

    /// The `q`-quantile by nearest rank: the smallest time that at least the share `q` of all do not exceed.
    pub(super) fn quantile(&self, q: f64) -> f64 {
        let rank = (q * self.seconds.len() as f64).ceil() as usize;
        self.seconds
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn count(&self) -> u32 {
        self.seconds.len() as u32
    }
}

/// Appends and syncs as the log does, one small append at a time.
pub(super) fn time_syncs(dir: &Path) -> Result<Syncs, StorageError> {
    let path = dir.join("appended");
    measure(&path)
        .map(Syncs::new)
        .map_err(StorageError::on("append to and sync", &path))
}

fn measure(path: &Path) -> io::Result<Vec<f64>> {
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)?;
    let bytes = [b'.'; APPEND_BYTES];
    // The first sync makes the file itself durable, which the log does before it begins.
    file.sync_all()?;
    let mut seconds = Vec::with_capacity(MAX_SAMPLES);
    let began = Instant::now();
    while seconds.is_empty()
        || seconds.len() < MAX_SAMPLES && began.elapsed() < Duration::from_secs_f64(MAX_SECONDS)
    {
        let before = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        seconds.push(before.elapsed().as_secs_f64());
    }
    Ok(seconds)
}

/// Whether a rename puts a new file in the place of an existing one.
pub(super) fn renames(dir: &Path) -> bool {
    let (old, new) = (dir.join("renamed"), dir.join("renamed.new"));
    let replace = || {
        create(&old)?.write_all(b"old")?;
        create(&new)?.write_all(b"new")?;
        fs::rename(&new, &old)?;
        Ok::<_, io::Error>(fs::read(&old)? == b"new" && !new.exists())
    };
    replace().unwrap_or(false)
}

/// Whether a file that exists cannot be created again.
pub(super) fn creates_exclusively(dir: &Path) -> bool {
    let path = dir.join("claimed");
    create(&path).is_ok() && create(&path).is_err_and(|error| error.kind() == ErrorKind::AlreadyExists)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
}
