//! Events on their way from the log to whoever watches.

use std::error::Error;

use async_trait::async_trait;
use bytes::Bytes;
use hpcbench_core::Seq;

use crate::{BusError, EventType};

/// One line of the event log, without its newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLine {
    /// Its position in the log, which is also its sequence in the EVENTS stream.
    pub seq: Seq,
    /// Its type.
    pub kind: EventType,
    /// The line's bytes.
    pub line: Bytes,
}

/// Reads the accepted, synced history.
#[async_trait]
pub trait LogLines: Send + Sync {
    /// At most `max` lines, gapless and in order, the first of them `from`; fewer only at the end of the log.
    async fn read(&self, from: Seq, max: usize) -> Result<Vec<EventLine>, Box<dyn Error + Send + Sync>>;
}

/// Reads at least one line and at most `max`, gapless.
pub(crate) async fn read_lines(
    log: &dyn LogLines,
    from: Seq,
    max: usize,
) -> Result<Vec<EventLine>, BusError> {
    let mut lines = log
        .read(from, max)
        .await
        .map_err(|source| BusError::Log { from, source })?;
    lines.truncate(max);
    let gapless = lines.iter().zip(from.0..).all(|(line, seq)| line.seq.0 == seq);
    if lines.is_empty() || !gapless {
        let source = format!("it has no gapless lines from {from} on").into();
        return Err(BusError::Log { from, source });
    }
    Ok(lines)
}

/// What a catch-up found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// The stream held exactly the log.
    InStep,
    /// The stream held the log's beginning; the rest was published.
    Continued {
        /// How many events were published.
        published: u64,
    },
    /// The stream held something else (another history, or more than the log); it was made anew.
    Replaced {
        /// How many events were published.
        published: u64,
    },
}

/// One step of an observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// The next event.
    Event(ObservedEvent),
    /// The stream no longer holds these events; the log does.
    Missing {
        /// The first missing event.
        from: Seq,
        /// The last missing event.
        to: Seq,
    },
}

/// An event as an observer receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedEvent {
    /// The event.
    pub event: EventLine,
    /// How many events the stream held after this one when it was sent; 0: caught up.
    pub behind: u64,
}
