//! What a server does with a connection after a response.

/// How long a connection has to outlast a response before its endpoint's connections are used again at once,
/// nanoseconds.
///
/// Some servers close after each response without having said so (llama.cpp's after each stream), some microseconds
/// after its end, or later if they are busy. A request that is sent on such a connection is lost, and may not be sent
/// again.
const PROBATION: i64 = 20_000_000;

/// What is known of an endpoint's server. One connection waits to find it out; all other requests get fresh ones until
/// it is known that connections last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Habit {
    /// No connection has outlasted a response for long enough, none has been closed after one.
    #[default]
    Unknown,
    /// Connections outlast a response: they are used again at once.
    Keeps,
    /// Connections were closed right after a response, or under a next request: each request gets a fresh one, for
    /// good, as a server that does so now and then would cost requests again and again.
    Closes,
}

impl Habit {
    /// A connection has waited for so many nanoseconds, and is still open.
    pub(super) fn seen_open(&mut self, waited: i64) {
        if *self == Self::Unknown && waited >= PROBATION {
            *self = Self::Keeps;
        }
    }

    /// The server has closed a connection that had waited for so many nanoseconds. After a longer time, it only was
    /// tired of waiting.
    pub(super) fn seen_closed(&mut self, waited: i64) {
        if waited < PROBATION {
            *self = Self::Closes;
        }
    }

    /// A used connection has ended under a request, before any answer.
    pub(super) fn lost_request(&mut self) {
        *self = Self::Closes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_lasts_speaks_for_all() {
        let mut habit = Habit::default();
        habit.seen_open(0);
        habit.seen_open(PROBATION - 1);
        assert_eq!(habit, Habit::Unknown);
        habit.seen_open(PROBATION);
        assert_eq!(habit, Habit::Keeps);
        // A server that ends a long wait may still be trusted.
        habit.seen_closed(PROBATION);
        assert_eq!(habit, Habit::Keeps);
    }

    #[test]
    fn a_connection_that_is_closed_early_speaks_for_all_and_for_good() {
        for mut habit in [Habit::Unknown, Habit::Keeps] {
            habit.seen_closed(PROBATION - 1);
            assert_eq!(habit, Habit::Closes);
            habit.seen_open(i64::MAX);
            habit.seen_closed(i64::MAX);
            assert_eq!(habit, Habit::Closes);
        }
    }

    #[test]
    fn a_lost_request_is_not_risked_again() {
        let mut habit = Habit::Keeps;
        habit.lost_request();
        assert_eq!(habit, Habit::Closes);
    }

    #[test]
    fn a_long_wait_that_ends_says_nothing() {
        let mut habit = Habit::Unknown;
        habit.seen_closed(PROBATION);
        assert_eq!(habit, Habit::Unknown);
    }
}
