//! From the kernel's clock to ours.
//!
//! Kernel stamps are `CLOCK_REALTIME`, which administrators and NTP may step; durations need `CLOCK_MONOTONIC`. At
//! each wake-up of its poll a thread reads both clocks together and keeps the difference. When the difference jumps,
//! stamps taken between the two readings cannot be converted.

use crate::clock::{Monotonic, Realtime};

/// Two monotonic readings further apart than this hide a preemption: the reading between them is not used.
pub const MAX_READING_WIDTH_NANOS: i64 = 5_000;

/// A change of the offset between two wake-ups above this is a step of the clock, not its drift.
pub const STEP_NANOS: i64 = 50_000;

/// How often a reading that was too wide is repeated at one wake-up before the last offset is kept.
const MAX_TRIES: usize = 3;

/// Both clocks read together: the real-time clock between two readings of the monotonic one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// Monotonic clock before.
    pub before: Monotonic,
    /// Real-time clock.
    pub realtime: Realtime,
    /// Monotonic clock after.
    pub after: Monotonic,
}

impl ClockReading {
    /// Reads both clocks now.
    #[must_use]
    pub fn take() -> Self {
        let before = Monotonic::now();
        let realtime = Realtime::now();
        let after = Monotonic::now();
        Self {
            before,
            realtime,
            after,
        }
    }

    /// Nanoseconds between the two monotonic readings: twice the largest error of the offset.
    #[must_use]
    pub const fn width_nanos(&self) -> i64 {
        self.after.nanos_since(self.before)
    }

    /// Real time − midpoint of the monotonic readings, in nanoseconds.
    #[must_use]
    pub const fn offset_nanos(&self) -> i64 {
        self.realtime.0 - (self.before.0 + self.width_nanos() / 2)
    }
}

/// What a reading did to a [`PairedClock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// The offset was renewed.
    Kept,
    /// The reading was too wide; the last offset stays.
    TooWide,
    /// The offset jumped by so many nanoseconds: stamps since the last reading cannot be converted.
    Step(i64),
}

/// The offset between the two clocks as last read, and whether it jumped at the last wake-up.
#[derive(Debug, Clone, Copy, Default)]
pub struct PairedClock {
    offset: Option<i64>,
    stepped: bool,
    steps: u64,
}

impl PairedClock {
    /// A clock without any reading yet: it converts nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            offset: None,
            stepped: false,
            steps: 0,
        }
    }

    /// Takes a reading into account. Call it once at each wake-up, before the reads.
    pub const fn observe(&mut self, reading: ClockReading) -> Observation {
        if reading.width_nanos() > MAX_READING_WIDTH_NANOS || reading.width_nanos() < 0 {
            self.stepped = false;
            return Observation::TooWide;
        }
        let offset = reading.offset_nanos();
        let jump = match self.offset {
            Some(last) => offset.saturating_sub(last),
            None => 0,
        };
        self.offset = Some(offset);
        self.stepped = jump.saturating_abs() > STEP_NANOS;
        if self.stepped {
            self.steps += 1;
            Observation::Step(jump)
        } else {
            Observation::Kept
        }
    }

    /// Reads both clocks, again if a preemption came between, and takes the result into account.
    pub fn wake_up(&mut self) -> (ClockReading, Observation) {
        let mut reading = ClockReading::take();
        for _ in 1..MAX_TRIES {
            if reading.width_nanos() <= MAX_READING_WIDTH_NANOS {
                break;
            }
            reading = ClockReading::take();
        }
        (reading, self.observe(reading))
    }

    /// The monotonic time of a kernel stamp; `None` before the first usable reading.
    #[must_use]
    pub const fn to_monotonic(&self, stamp: Realtime) -> Option<Monotonic> {
        match self.offset {
            Some(offset) => Some(Monotonic(stamp.0.saturating_sub(offset))),
            None => None,
        }
    }

    /// Whether the offset jumped at the last wake-up, so that the reads of this round use the time of the read.
    #[must_use]
    pub const fn stepped(&self) -> bool {
        self.stepped
    }

    /// Steps seen so far.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(before: i64, width: i64, offset: i64) -> ClockReading {
        ClockReading {
            before: Monotonic(before),
            realtime: Realtime(before + width / 2 + offset),
            after: Monotonic(before + width),
        }
    }

    #[test]
    fn offset_is_taken_at_the_midpoint() {
        let mut clock = PairedClock::new();
        assert_eq!(clock.to_monotonic(Realtime(10)), None);
        assert_eq!(clock.observe(reading(1_000, 4_000, 77)), Observation::Kept);
        assert_eq!(clock.to_monotonic(Realtime(5_077)), Some(Monotonic(5_000)));
    }

    #[test]
    fn wide_reading_keeps_the_last_offset() {
        let mut clock = PairedClock::new();
        assert_eq!(
            clock.observe(reading(0, MAX_READING_WIDTH_NANOS + 1, 500)),
            Observation::TooWide
        );
        assert_eq!(clock.to_monotonic(Realtime(10)), None);
        clock.observe(reading(0, MAX_READING_WIDTH_NANOS, 7));
        assert_eq!(clock.observe(reading(9_000, 5_001, 90_000)), Observation::TooWide);
        assert_eq!(clock.to_monotonic(Realtime(10)), Some(Monotonic(3)));
    }

    #[test]
    fn a_step_lasts_one_wake_up() {
        let mut clock = PairedClock::new();
        clock.observe(reading(0, 100, 0));
        assert_eq!(clock.observe(reading(1_000, 100, STEP_NANOS)), Observation::Kept);
        assert_eq!(
            clock.observe(reading(2_000, 100, -1)),
            Observation::Step(-1 - STEP_NANOS)
        );
        assert!(clock.stepped());
        assert_eq!(clock.observe(reading(3_000, 100, 0)), Observation::Kept);
        assert!(!clock.stepped());
        assert_eq!(clock.steps(), 1);
    }

    #[test]
    fn the_first_reading_is_no_step() {
        let mut clock = PairedClock::new();
        assert_eq!(clock.observe(reading(0, 100, 1 << 60)), Observation::Kept);
    }

    #[test]
    fn real_clocks_pair() {
        let mut clock = PairedClock::new();
        // A busy machine may make one reading wide; a hundred in a row cannot all be.
        let usable = (0..100)
            .filter(|_| clock.wake_up().1 != Observation::TooWide)
            .count();
        assert!(usable > 0);
        let now = clock
            .to_monotonic(Realtime::now())
            .map(|time| time.nanos_since(Monotonic::now()).abs());
        assert!(now.is_some_and(|error| error < 50_000_000), "{now:?}");
    }
}
