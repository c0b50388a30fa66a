//! A line on its way to become an event.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use hpcbench_core::event::RawEvent;
use hpcbench_core::{NodeId, Seq, Timestamp};

use crate::scan::Line;
use crate::{Entry, LineHash, Position};

/// A line that has been checked and continues the history, before an event has been made of it.
///
/// Where one thread reads and another makes use of the events, the latter should make them too: memory that one thread asks for
/// and another gives back costs both of them time. So the lines share theirs.
#[derive(Debug)]
pub struct CheckedLine {
    /// The event's position in the history.
    pub seq: Seq,
    /// When it happened, by the writer's clock.
    pub at: Timestamp,
    /// The line's bytes, without its newline.
    pub line: Bytes,
    hash: LineHash,
    position: Position,
    version: u16,
    node: NodeId,
    causation: Option<Seq>,
    data: Range<usize>,
    kind: Part,
    actor: Part,
    correlation: Part,
}

/// A text of the line.
#[derive(Debug)]
enum Part {
    /// It stands there as it is.
    Within(Range<usize>),
    /// It had to be decoded.
    Decoded(String),
}

impl CheckedLine {
    /// Keeps the line in `memory`, which has room for it, behind others.
    pub(crate) fn keep(line: Line<'_>, memory: &mut BytesMut) -> Self {
        let Line {
            decoded,
            bytes,
            position,
        } = line;
        let part = |text| Part::of(text, bytes);
        memory.extend_from_slice(bytes);
        Self {
            seq: decoded.seq,
            at: decoded.at,
            line: memory.split().freeze(),
            hash: decoded.hash,
            position,
            version: decoded.version,
            node: decoded.node,
            causation: decoded.causation,
            data: within(decoded.data.get(), bytes),
            kind: part(decoded.kind),
            actor: part(decoded.actor),
            correlation: part(decoded.correlation),
        }
    }
}

/// Of a line that shares its memory with no other.
impl From<Line<'_>> for CheckedLine {
    fn from(line: Line<'_>) -> Self {
        let mut memory = BytesMut::with_capacity(line.bytes.len());
        Self::keep(line, &mut memory)
    }
}

impl From<CheckedLine> for Entry {
    fn from(line: CheckedLine) -> Self {
        let data = line.line.get(line.data).unwrap_or_default();
        let event = RawEvent {
            seq: line.seq,
            at: line.at,
            kind: line.kind.text(&line.line),
            version: line.version,
            actor: line.actor.text(&line.line),
            node: line.node,
            correlation: line.correlation.text(&line.line),
            causation: line.causation,
            // It has been read before, as a part of the line.
            data: serde_json::from_slice(data).unwrap_or_default(),
        };
        Self {
            event,
            line: (*line.line).into(),
            hash: line.hash,
            position: line.position,
        }
    }
}

impl Part {
    fn of(text: Cow<'_, str>, line: &[u8]) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Within(within(text, line)),
            Cow::Owned(text) => Self::Decoded(text),
        }
    }

    fn text(self, line: &[u8]) -> String {
        match self {
            Self::Within(range) => String::from_utf8_lossy(line.get(range).unwrap_or_default()).into_owned(),
            Self::Decoded(text) => text,
        }
    }
}

/// Where a text stands in the line that it is borrowed from.
fn within(text: &str, line: &[u8]) -> Range<usize> {
    let start = (text.as_ptr() as usize).wrapping_sub(line.as_ptr() as usize);
    start..start.wrapping_add(text.len())
}
