//! The queue, asked for seldom.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Queue;
use crate::programs::Slurm;
use crate::time::UnixTime;

/// How old an answer may be before Slurm is asked again, in seconds.
pub const MAX_AGE_SECONDS: i64 = 30;

/// Largest cache that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// What was known of the queue at some time. That Slurm did not answer is kept as long: asking more often would not help it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cached {
    /// When it was asked.
    pub asked_at: UnixTime,
    /// What it answered.
    pub queue: Queue,
}

impl Cached {
    /// Whether it need not be asked again. A time in the future is not trusted.
    pub fn is_fresh(&self, now: UnixTime) -> bool {
        (0..MAX_AGE_SECONDS).contains(&(now.seconds() - self.asked_at.seconds()))
    }

    /// Reads a cache; none if there is none, or none that this build understands.
    pub fn read(path: &Path) -> Option<Self> {
        let mut text = Vec::new();
        File::open(path)
            .ok()?
            .take(MAX_BYTES)
            .read_to_end(&mut text)
            .ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes a cache, readable for its owner alone, whole or not at all.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("."));
        // Made with mode 0600. A cache that a crash loses is asked for again: it is not synced.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer(&mut file, self)?;
        file.persist(path)?;
        Ok(())
    }
}

impl Slurm {
    /// The queue as this file has it, if that is fresh; else as Slurm answers, which is kept there. A cache that cannot be
    /// written is no reason not to answer.
    pub fn cached_queue(&self, path: &Path, now: UnixTime) -> Cached {
        if let Some(cached) = Cached::read(path).filter(|cached| cached.is_fresh(now)) {
            return cached;
        }
        let cached = Cached {
            asked_at: now,
            queue: self.queue(),
        };
        let _ = cached.write(path);
        cached
    }
}
