//! The node's clocks.

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Attempts at a close pair of readings.
const TRIES: u32 = 5;

/// One moment on both clocks of a node, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// `CLOCK_MONOTONIC`.
    pub monotonic_ns: i64,
    /// `CLOCK_REALTIME`, since 1970.
    pub realtime_ns: i64,
    /// How far the two may be apart.
    pub error_ns: u64,
}

/// `CLOCK_MONOTONIC` in nanoseconds: the same for all processes of a node.
pub fn monotonic_ns() -> i64 {
    read(ClockId::CLOCK_MONOTONIC)
}

impl Anchor {
    /// Both clocks now: of a few readings, the closest.
    pub fn now() -> Self {
        let reading = || {
            let before = monotonic_ns();
            let realtime_ns = read(ClockId::CLOCK_REALTIME);
            let apart = monotonic_ns() - before;
            Self {
                monotonic_ns: before + apart / 2,
                realtime_ns,
                error_ns: u64::try_from(apart / 2 + 1).unwrap_or(u64::MAX),
            }
        };
        let first = reading();
        (1..TRIES).map(|_| reading()).fold(first, |best, other| {
            if other.error_ns < best.error_ns {
                other
            } else {
                best
            }
        })
    }
}

fn read(clock: ClockId) -> i64 {
    // Both clocks exist on every Linux.
    clock_gettime(clock).map_or(0, |time| {
        time.tv_sec()
            .saturating_mul(NANOS_PER_SECOND)
            .saturating_add(time.tv_nsec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_now() {
        let (before, anchor, after) = (monotonic_ns(), Anchor::now(), monotonic_ns());
        assert!(before <= anchor.monotonic_ns && anchor.monotonic_ns <= after);
        assert!(anchor.realtime_ns > 1_700_000_000 * NANOS_PER_SECOND);
    }
}
