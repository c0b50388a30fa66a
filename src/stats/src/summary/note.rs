//! What a reader of the numbers has to know.

use serde::{Deserialize, Serialize};

/// A remark on the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Which remark, for programs.
    pub code: NoteCode,
    /// The remark with its numbers, for people.
    pub text: String,
}

/// The remarks there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteCode {
    /// Chunks carry several tokens, so that ITL is a time per chunk.
    ItlPerChunk,
    /// Quantiles of ITL are missing, because too many gaps are not known to a millisecond.
    ItlUnresolved,
    /// TPOT is missing, because tokens were counted in two ways.
    TpotMixedSources,
    /// A percentile of the objective lies among the failed requests.
    Censored,
    /// Requests were cancelled before they could be judged by the limits on each request.
    GoodputLeftOut,
    /// The load ended by itself; the window ends with the last request sent.
    Drained,
    /// Servers closed connections that were to be used again, so that requests waited for fresh ones.
    ConnectionsClosed,
    /// A client's real-time clock was set, so that some arrivals are the times of their reads.
    ClockSteps,
}

impl Note {
    pub(super) fn new(code: NoteCode, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }
}
