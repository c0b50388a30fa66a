//! Times as Slurm writes them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use hpcbench_recipes::units::{InvalidTimeLimit, TimeLimit};

/// A point in time, in seconds since 1970 (UTC), as Slurm's commands and variables give them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(i64);

impl UnixTime {
    /// So many seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Whether it is less than so many seconds after `then`. A time in the future is not trusted.
    pub(crate) fn is_within(self, seconds: i64, then: Self) -> bool {
        (0..seconds).contains(&(self.0 - then.0))
    }

    /// So much later, in whole seconds.
    pub(crate) fn after(self, passed: Duration) -> Self {
        let seconds = i64::try_from(passed.as_secs()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(seconds))
    }

    /// What Slurm prints for a time with `SLURM_TIME_FORMAT=%s`; none for `N/A`, `Unknown`, `NONE` and 0.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let seconds: i64 = text.trim().parse().ok()?;
        (seconds > 0).then_some(Self(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_are_not_known_are_none() {
        for text in ["N/A", "Unknown", "NONE", "0", "", "2026-11-25T04:00:00"] {
            assert_eq!(UnixTime::parse(text), None, "{text:?}");
        }
        assert_eq!(UnixTime::parse(" 1795000000\n"), Some(UnixTime(1_795_000_000)));
    }
}
