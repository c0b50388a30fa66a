//! Points in time, one type per clock.

use std::time::Duration;

use nix::time::ClockId;

/// Nanoseconds in a second.
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A point on `CLOCK_MONOTONIC`, in nanoseconds. Only differences within one host mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub i64);

/// A point on `CLOCK_REALTIME`, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realtime(pub i64);

impl Monotonic {
    /// The clock's reading now.
    #[must_use]
    pub fn now() -> Self {
        Self(read(ClockId::CLOCK_MONOTONIC))
    }

    /// Nanoseconds from `earlier` to this point; negative if `earlier` is later.
    #[must_use]
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The point `nanos` later (earlier, if negative).
    #[must_use]
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// The point `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        self.plus_nanos(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl Realtime {
    /// The clock's reading now.
    #[must_use]
    pub fn now() -> Self {
        Self(read(ClockId::CLOCK_REALTIME))
    }
}

/// Processor time that the calling thread has used so far, user and system together, in nanoseconds.
#[must_use]
pub fn thread_cpu_nanos() -> i64 {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Reads a clock that Linux always has: `clock_gettime` fails only for unknown clocks, so 0 never happens.
fn read(clock: ClockId) -> i64 {
    clock
        .now()
        .map_or(0, |time| time.tv_sec() * NANOS_PER_SECOND + time.tv_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_advance_and_are_not_zero() {
        let earlier = Monotonic::now();
        let later = Monotonic::now();
        assert!(earlier.0 > 0 && later >= earlier);
        assert!(Realtime::now().0 > 1_600_000_000 * NANOS_PER_SECOND);
        // A thread that has just begun may have used none yet, as the kernel counts.
        let used = thread_cpu_nanos();
        while thread_cpu_nanos() == used {
            assert!(Monotonic::now().nanos_since(later) < 60 * NANOS_PER_SECOND);
        }
        assert!(thread_cpu_nanos() > used);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Monotonic(i64::MAX - 1).plus(Duration::MAX), Monotonic(i64::MAX));
        assert_eq!(Monotonic(5).nanos_since(Monotonic(8)), -3);
    }
}
