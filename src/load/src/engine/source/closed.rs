//! Users of a closed loop.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use hpcbench_timing::Monotonic;

use super::Due;

/// How long a user waits after a request that never left: a server that refuses connections would otherwise be asked
/// as often as the processor allows.
pub(crate) const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Users who each make one request at a time. A user is nobody in particular: only when the next one is ready counts.
#[derive(Debug)]
pub(crate) struct ClosedSource {
    think_time: Duration,
    ready: BinaryHeap<Reverse<Monotonic>>,
}

impl ClosedSource {
    /// All users are ready at `start`.
    pub(crate) fn new(users: u32, think_time: Duration, start: Monotonic) -> Self {
        Self {
            think_time,
            ready: (0..users).map(|_| Reverse(start)).collect(),
        }
    }

    pub(super) fn next(&mut self, now: Monotonic) -> Option<Due> {
        let Reverse(intended) = *self.ready.peek()?;
        if intended > now {
            return None;
        }
        self.ready.pop();
        Some(Due {
            intended,
            position: None,
            queued: false,
        })
    }

    pub(super) fn next_due(&self) -> Option<Monotonic> {
        self.ready.peek().map(|Reverse(time)| *time)
    }

    pub(super) fn ended(&mut self, at: Monotonic, sent: bool) {
        let pause = if sent {
            self.think_time
        } else {
            self.think_time.max(PAUSE_AFTER_FAILURE)
        };
        self.ready.push(Reverse(at.plus(pause)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_follows_its_own_last_request() {
        let mut users = ClosedSource::new(2, Duration::ZERO, Monotonic(10));
        assert_eq!(users.next(Monotonic(9)), None);
        assert!(users.next(Monotonic(10)).is_some() && users.next(Monotonic(11)).is_some());
        assert_eq!((users.next(Monotonic(12)), users.next_due()), (None, None));
        users.ended(Monotonic(15), true);
        assert_eq!(
            users.next(Monotonic(20)).map(|due| due.intended),
            Some(Monotonic(15))
        );
    }

    #[test]
    fn users_think_and_back_off() {
        let think = Duration::from_nanos(50);
        let mut users = ClosedSource::new(0, think, Monotonic(0));
        users.ended(Monotonic(100), true);
        users.ended(Monotonic(100), false);
        assert_eq!(users.next(Monotonic(149)), None);
        assert!(users.next(Monotonic(150)).is_some());
        assert_eq!(users.next_due(), Some(Monotonic(100).plus(PAUSE_AFTER_FAILURE)));
    }
}
