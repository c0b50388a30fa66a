//! The measured window.

use serde::{Deserialize, Serialize};

/// The measured window [T1, T2) of one client: nanoseconds on its monotonic clock since the trial's T0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Load start + warm-up.
    pub t1: i64,
    /// T1 + duration, or the last send of a trial with a fixed number of requests.
    pub t2: i64,
    /// The load ended by itself after a fixed number of requests.
    pub drained: bool,
}

impl Window {
    /// Whether the instant lies in [T1, T2).
    pub const fn contains(&self, t: i64) -> bool {
        self.t1 <= t && t < self.t2
    }

    /// Its length in nanoseconds, at least 0.
    pub fn nanoseconds(&self) -> u64 {
        u64::try_from(self.t2.saturating_sub(self.t1)).unwrap_or(0)
    }

    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.nanoseconds() as f64 / 1e9
    }

    /// The part of [from, to) that lies within the window, nanoseconds.
    pub fn overlap(&self, from: i64, to: i64) -> u64 {
        u64::try_from(to.min(self.t2).saturating_sub(from.max(self.t1))).unwrap_or(0)
    }

    /// Which of so many equal parts of the window the instant lies in; `None` outside it. Windows of up to nine years and
    /// sixty parts do not overflow.
    pub(crate) fn part_at(&self, parts: usize, t: i64) -> Option<usize> {
        let since = u64::try_from(t.checked_sub(self.t1)?)
            .ok()
            .filter(|_| self.contains(t))?;
        Some((since.saturating_mul(parts as u64) / self.nanoseconds()) as usize)
    }

    /// The smallest window around both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            t1: self.t1.min(other.t1),
            t2: self.t2.max(other.t2),
            drained: self.drained || other.drained,
        }
    }
}
