//! How far a history is looked at.

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
    /// Whether the event of this number and this time is still looked at. Events come in their order.
    pub(super) fn includes(self, seq: Seq, at: Timestamp) -> bool {
        match self {
            Self::End => true,
            Self::Seq(last) => seq <= last,
            Self::Time(last) => at <= last,
        }
    }

    /// Whether no event at all is looked at.
    pub(super) fn is_empty(self) -> bool {
        self == Self::Seq(Seq(0))
    }

    /// Whether nothing after the event of this number and this time is looked at. Of times, only the next event tells.
    pub(super) fn ends_with(self, seq: Seq, at: Timestamp) -> bool {
        match self {
            Self::End => false,
            Self::Seq(last) => seq >= last,
            Self::Time(last) => at > last,
        }
    }
}
