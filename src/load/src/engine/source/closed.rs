//! Users of a closed loop.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use hpcbench_timing::Monotonic;

use super::Due;
use super::talk::{History, Said, Talks};

/// How long a user waits after a request that never left: a server that refuses connections would otherwise be asked
/// as often as the processor allows.
pub(crate) const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Users who each make one request at a time. Which user is ready only counts where they hold conversations.
#[derive(Debug)]
pub(crate) struct ClosedSource {
    think_time: Duration,
    ready: BinaryHeap<Reverse<(Monotonic, u32)>>,
    talks: Option<Talks>,
}

impl ClosedSource {
    /// All users are ready at `start`.
    pub(crate) fn new(users: u32, think_time: Duration, start: Monotonic, talks: Option<Talks>) -> Self {
        Self {
            think_time,
            ready: (0..users).map(|user| Reverse((start, user))).collect(),
            talks,
        }
    }

    pub(super) fn next(&mut self, now: Monotonic) -> Option<Due> {
        let Reverse((intended, user)) = *self.ready.peek()?;
        if intended > now {
            return None;
        }
        self.ready.pop();
        Some(Due {
            intended,
            position: None,
            queued: false,
            user,
            turn: self.talks.as_mut().and_then(|talks| talks.turn(user)),
        })
    }

    pub(super) fn next_due(&self) -> Option<Monotonic> {
        self.ready.peek().map(|Reverse((time, _))| *time)
    }

    pub(super) fn history(&self, user: u32) -> Option<&History> {
        self.talks.as_ref()?.history(user)
    }

    pub(super) fn ended(&mut self, due: Due, at: Monotonic, sent: bool, said: Option<Said<'_>>) {
        if let Some(talks) = &mut self.talks {
            talks.ended(due.user, said);
        }
        let pause = if sent {
            self.think_time
        } else {
            self.think_time.max(PAUSE_AFTER_FAILURE)
        };
        self.ready.push(Reverse((at.plus(pause), due.user)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_follows_its_own_last_request() {
        let mut users = ClosedSource::new(2, Duration::ZERO, Monotonic(10), None);
        assert_eq!(users.next(Monotonic(9)), None);
        let due = users.next(Monotonic(10)).unwrap();
        assert!(users.next(Monotonic(11)).is_some());
        assert_eq!((users.next(Monotonic(12)), users.next_due()), (None, None));
        users.ended(due, Monotonic(15), true, None);
        assert_eq!(
            users.next(Monotonic(20)).map(|due| due.intended),
            Some(Monotonic(15))
        );
    }

    #[test]
    fn users_think_and_back_off() {
        let think = Duration::from_nanos(50);
        let mut users = ClosedSource::new(2, think, Monotonic(0), None);
        let (one, other) = (
            users.next(Monotonic(0)).unwrap(),
            users.next(Monotonic(0)).unwrap(),
        );
        users.ended(one, Monotonic(100), true, None);
        users.ended(other, Monotonic(100), false, None);
        assert_eq!(users.next(Monotonic(149)), None);
        assert!(users.next(Monotonic(150)).is_some());
        assert_eq!(users.next_due(), Some(Monotonic(100).plus(PAUSE_AFTER_FAILURE)));
    }
}
