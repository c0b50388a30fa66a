//! The queue, asked for seldom.

use std::io;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::Queue;
use crate::file;
use crate::programs::Slurm;
use crate::time::UnixTime;

/// How old an answer may be before Slurm is asked again, in seconds.
pub const MAX_AGE_SECONDS: i64 = 30;

/// What was known of the queue at some time. That Slurm did not answer is kept as long: asking more often would not help it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cached {
    /// When it was asked: the answer says nothing of what was submitted later.
    pub asked_at: UnixTime,
    /// When it answered, or was given up: the time that it takes does not make an answer old.
    pub answered_at: UnixTime,
    /// What it answered.
    pub queue: Queue,
}

impl Cached {
    /// Whether it need not be asked again for what has been there `since` some time. A time in the future is not trusted.
    pub fn is_fresh(&self, now: UnixTime, since: Option<UnixTime>) -> bool {
        let is_later = since.is_none_or(|since| since < self.asked_at || now < since);
        is_later && now.is_within(MAX_AGE_SECONDS, self.answered_at)
    }

    /// Reads a cache; none if there is none, or none that this build understands.
    pub fn read(path: &Path) -> Option<Self> {
        file::read(path)
    }

    /// Writes a cache, readable for its owner alone, whole or not at all.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        file::write(path, self)
    }
}

impl Slurm {
    /// The queue as this file has it, if that is fresh and from after `since`; else as Slurm answers, which is kept there.
    pub fn cached_queue(&self, path: &Path, now: UnixTime, since: Option<UnixTime>) -> Cached {
        let cached = Cached::read(path).filter(|cached| cached.is_fresh(now, since));
        cached.unwrap_or_else(|| self.queue_now(path, now))
    }

    /// The queue as Slurm answers, which is kept in this file. That it cannot be written is no reason not to answer.
    pub fn queue_now(&self, path: &Path, now: UnixTime) -> Cached {
        let began = Instant::now();
        let queue = self.queue();
        let cached = Cached {
            asked_at: now,
            answered_at: now.after(began.elapsed()),
            queue,
        };
        let _ = cached.write(path);
        cached
    }
}
