//! How far a history is looked at.

use hpcbench_core::event::RawEvent;
use hpcbench_core::{Seq, Timestamp};

/// How far a history is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Until {
    /// To its end.
    #[default]
    End,
    /// To this event, which is the last.
    Seq(Seq),
    /// To the first event that happened after this time, by its writer's clock; that event is not looked at.
    Time(Timestamp),
}

impl Until {
    /// Whether the event is still looked at. Events come in their order.
    pub fn includes(self, event: &RawEvent) -> bool {
        match self {
            Self::End => true,
            Self::Seq(last) => event.seq <= last,
            Self::Time(last) => event.at <= last,
        }
    }

    /// Whether no event at all is looked at.
    pub(super) fn is_empty(self) -> bool {
        self == Self::Seq(Seq(0))
    }

    /// Whether nothing after this event is looked at. Of times, only the next event tells.
    pub(super) fn ends_with(self, event: &RawEvent) -> bool {
        match self {
            Self::End => false,
            Self::Seq(last) => event.seq >= last,
            Self::Time(last) => event.at > last,
        }
    }
}
