//! Where requests come from: users that follow their own last answer, or a schedule.
//!
//! Both are state machines over points in time. They know nothing of sockets.

mod closed;
mod open;
mod talk;

use hpcbench_timing::Monotonic;

pub(crate) use closed::ClosedSource;
pub(crate) use open::{Limit, OpenSource, Until};
pub(crate) use talk::{History, Said, Talks, Turn};

/// A request that is to be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// When it was to be made.
    pub(crate) intended: Monotonic,
    /// Its position in the trial's schedule, over all clients; `None` in a closed loop.
    pub(crate) position: Option<u64>,
    /// It had to wait because too many requests were in flight.
    pub(crate) queued: bool,
    /// The user who makes it, of a closed loop.
    pub(crate) user: u32,
    /// Its place in the user's conversation, where users hold conversations.
    pub(crate) turn: Option<Turn>,
}

/// The requests of one engine thread.
#[derive(Debug)]
pub(crate) enum Source {
    Closed(ClosedSource),
    Open(Box<OpenSource>),
}

impl Source {
    /// A request that is due at `now`, while `in_flight` others are running.
    pub(crate) fn next(&mut self, now: Monotonic, in_flight: u32) -> Option<Due> {
        match self {
            Self::Closed(users) => users.next(now),
            Self::Open(schedule) => schedule.next(now, in_flight),
        }
    }

    /// When the next request is due, if that is only a matter of time; may lie in the past.
    pub(crate) fn next_due(&self, in_flight: u32) -> Option<Monotonic> {
        match self {
            Self::Closed(users) => users.next_due(),
            Self::Open(schedule) => schedule.next_due(in_flight),
        }
    }

    /// What was said before this request in its conversation.
    pub(crate) fn history(&self, due: Due) -> Option<&History> {
        match self {
            Self::Closed(users) => users.history(due.user),
            Self::Open(_) => None,
        }
    }

    /// A request has ended at `at`; `sent` says whether it ever left, `said` what it adds to its conversation.
    pub(crate) fn ended(&mut self, due: Due, at: Monotonic, sent: bool, said: Option<Said<'_>>) {
        if let Self::Closed(users) = self {
            users.ended(due, at, sent, said);
        }
    }

    /// Requests that are due at `now` and still wait.
    pub(crate) fn backlog(&mut self, now: Monotonic) -> u64 {
        match self {
            Self::Closed(_) => 0,
            Self::Open(schedule) => schedule.backlog(now),
        }
    }

    /// A request that was due before `until` and never got its turn; asked again and again at the end of a trial.
    pub(crate) fn abandon(&mut self, until: Monotonic) -> Option<Due> {
        match self {
            Self::Closed(_) => None,
            Self::Open(schedule) => schedule.abandon(until),
        }
    }

    /// Whether no more requests come that are due before `time`.
    pub(crate) fn is_past(&self, time: Monotonic) -> bool {
        match self {
            Self::Closed(_) => true,
            Self::Open(schedule) => schedule.is_past(time),
        }
    }

    /// Whether the schedule is at its end. Users never are: what ends them is the trial.
    pub(crate) fn is_exhausted(&self) -> bool {
        match self {
            Self::Closed(_) => false,
            Self::Open(schedule) => schedule.is_exhausted(),
        }
    }
}
