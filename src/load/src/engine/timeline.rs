//! Which part of a trial a point in time belongs to.

use std::time::Duration;

use hpcbench_records::Phase;
use hpcbench_timing::Monotonic;

use crate::spec::{Cooldown, Length};

/// The measured window of one client, on its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// Start of the load; the records' zero.
    pub(crate) t0: Monotonic,
    /// Start of the window.
    pub(crate) t1: Monotonic,
    /// How the window ends.
    pub(crate) end: WindowEnd,
}

/// How a window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowEnd {
    /// At a time.
    At {
        /// T2.
        t2: Monotonic,
        /// When the load is given up, should measured requests still be in flight; `None` if nothing more is sent
        /// after T2 and each request has its own timeout.
        give_up: Option<Monotonic>,
    },
    /// With the last of a fixed number of requests.
    LastSend,
}

impl Timeline {
    pub(crate) fn new(t0: Monotonic, warmup: Duration, length: Length, timeout: Duration) -> Self {
        let t1 = t0.plus(warmup);
        let end = match length {
            Length::Duration { duration, cooldown } => {
                let t2 = t1.plus(duration);
                let give_up = match cooldown {
                    Cooldown::Load => Some(t2.plus(timeout)),
                    Cooldown::Drain => None,
                };
                WindowEnd::At { t2, give_up }
            }
            Length::Requests(_) => WindowEnd::LastSend,
        };
        Self { t0, t1, end }
    }

    /// End of the window, where it is a time.
    pub(crate) const fn t2(&self) -> Option<Monotonic> {
        match self.end {
            WindowEnd::At { t2, .. } => Some(t2),
            WindowEnd::LastSend => None,
        }
    }

    /// The phase that `time` lies in. With a fixed number of requests nothing is sent after the window.
    pub(crate) fn phase(&self, time: Monotonic) -> Phase {
        if time < self.t1 {
            Phase::Warmup
        } else if self.t2().is_none_or(|t2| time < t2) {
            Phase::Window
        } else {
            Phase::Cooldown
        }
    }

    /// Nanoseconds since T0, as records have them.
    pub(crate) const fn since_t0(&self, time: Monotonic) -> i64 {
        time.nanos_since(self.t0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_window_is_half_open() {
        let length = Length::Duration {
            duration: 2 * SECOND,
            cooldown: Cooldown::Load,
        };
        let timeline = Timeline::new(Monotonic(100), SECOND, length, 5 * SECOND);
        for (nanos, phase) in [
            (0, Phase::Warmup),
            (1_000_000_099, Phase::Warmup),
            (1_000_000_100, Phase::Window),
            (3_000_000_099, Phase::Window),
            (3_000_000_100, Phase::Cooldown),
        ] {
            assert_eq!(timeline.phase(Monotonic(nanos)), phase, "{nanos}");
        }
        let give_up = Some(Monotonic(8_000_000_100));
        assert_eq!(
            timeline.end,
            WindowEnd::At {
                t2: Monotonic(3_000_000_100),
                give_up
            }
        );
        assert_eq!(timeline.since_t0(Monotonic(90)), -10);
    }

    #[test]
    fn a_number_of_requests_has_no_end_in_time() {
        let timeline = Timeline::new(Monotonic(0), Duration::ZERO, Length::Requests(5), SECOND);
        assert_eq!(timeline.t2(), None);
        assert_eq!(timeline.phase(Monotonic(i64::MAX)), Phase::Window);
        let length = Length::Duration {
            duration: SECOND,
            cooldown: Cooldown::Drain,
        };
        let timeline = Timeline::new(Monotonic(0), Duration::ZERO, length, SECOND);
        assert_eq!(
            timeline.end,
            WindowEnd::At {
                t2: Monotonic(1_000_000_000),
                give_up: None
            }
        );
    }
}
