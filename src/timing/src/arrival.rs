//! When a read's last byte arrived: the kernel's stamp where it can be trusted, else the time of the read.

use crate::clock::{Monotonic, Realtime};
use crate::paired::PairedClock;

/// Arrival of the last byte of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The arrival on the monotonic clock.
    pub at: Monotonic,
    /// Where it comes from.
    pub source: ArrivalSource,
}

/// Where an arrival time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrivalSource {
    /// The kernel's receive stamp.
    Kernel,
    /// The time of the read: the kernel gave no stamp.
    Missing,
    /// The time of the read: the stamp lay outside the possible interval.
    Rejected,
    /// The time of the read: the clock stepped between two wake-ups.
    ClockStep,
}

impl Arrival {
    /// Decides on the arrival of a read that ended at `read`, given the kernel's `stamp`. Nothing of what was read
    /// can have arrived before `earliest` (for a response: the time its request was sent).
    #[must_use]
    pub fn resolve(
        stamp: Option<Realtime>,
        clock: &PairedClock,
        earliest: Monotonic,
        read: Monotonic,
    ) -> Self {
        let fallback = |source| Self { at: read, source };
        let Some(stamp) = stamp else {
            return fallback(ArrivalSource::Missing);
        };
        if clock.stepped() {
            return fallback(ArrivalSource::ClockStep);
        }
        match clock.to_monotonic(stamp) {
            Some(at) if at >= earliest && at <= read => Self {
                at,
                source: ArrivalSource::Kernel,
            },
            Some(_) => fallback(ArrivalSource::Rejected),
            // No usable reading of the clocks yet: as good as no stamp.
            None => fallback(ArrivalSource::Missing),
        }
    }

    /// Nanoseconds from the arrival to a read that ended at `read`.
    #[must_use]
    pub fn lag_nanos(&self, read: Monotonic) -> u64 {
        u64::try_from(read.nanos_since(self.at)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paired::{ClockReading, STEP_NANOS};

    const OFFSET: i64 = 1_000_000;

    fn clock(offset: i64) -> PairedClock {
        let mut clock = PairedClock::new();
        clock.observe(at_offset(offset));
        clock
    }

    fn at_offset(offset: i64) -> ClockReading {
        ClockReading {
            before: Monotonic(0),
            realtime: Realtime(offset),
            after: Monotonic(0),
        }
    }

    fn resolve(stamp: Option<i64>, clock: &PairedClock) -> (i64, ArrivalSource) {
        let arrival = Arrival::resolve(stamp.map(Realtime), clock, Monotonic(100), Monotonic(200));
        (arrival.at.0, arrival.source)
    }

    #[test]
    fn stamps_inside_the_interval_are_used() {
        let clock = clock(OFFSET);
        assert_eq!(resolve(Some(OFFSET + 100), &clock), (100, ArrivalSource::Kernel));
        assert_eq!(resolve(Some(OFFSET + 200), &clock), (200, ArrivalSource::Kernel));
    }

    #[test]
    fn everything_else_uses_the_time_of_the_read() {
        let mut clock = clock(OFFSET);
        assert_eq!(resolve(None, &clock), (200, ArrivalSource::Missing));
        assert_eq!(resolve(Some(OFFSET + 99), &clock), (200, ArrivalSource::Rejected));
        assert_eq!(
            resolve(Some(OFFSET + 201), &clock),
            (200, ArrivalSource::Rejected)
        );
        assert_eq!(
            resolve(Some(OFFSET + 150), &PairedClock::new()),
            (200, ArrivalSource::Missing)
        );
        clock.observe(at_offset(OFFSET + STEP_NANOS + 1));
        assert_eq!(
            resolve(Some(OFFSET + 150), &clock),
            (200, ArrivalSource::ClockStep)
        );
    }

    #[test]
    fn lag_is_never_negative() {
        let arrival = Arrival {
            at: Monotonic(100),
            source: ArrivalSource::Kernel,
        };
        assert_eq!(arrival.lag_nanos(Monotonic(150)), 50);
        assert_eq!(arrival.lag_nanos(Monotonic(50)), 0);
    }
}
