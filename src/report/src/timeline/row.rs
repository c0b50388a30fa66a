//! A row of the timeline.

use hpcbench_core::event::Event;
use hpcbench_core::{Seq, Timestamp};

use crate::words::{Colour, one_line};

/// Most lines of a service's log below a row; the log itself has all.
const MAX_LOG_LINES: usize = 10;

/// One row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) shape: Shape,
    /// Its first event.
    pub(super) first: Seq,
    /// Its last event so far.
    pub(super) last: Seq,
    pub(super) from: Timestamp,
    /// When its last event happened.
    pub(super) to: Timestamp,
    /// The type of its last event.
    pub(super) kind: String,
    /// What it says, free of control characters.
    pub(super) text: String,
    /// Lines of a service's log, below it.
    pub(super) log: Vec<String>,
    pub(super) colour: Option<Colour>,
}

/// What a row is in the outline of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A writer took over.
    Epoch,
    /// A phase began.
    Phase,
    /// Something happened in it.
    Detail,
}

impl Row {
    pub(super) fn new(shape: Shape, event: &Event, text: &str) -> Self {
        Self {
            shape,
            first: event.seq,
            last: event.seq,
            from: event.at,
            to: event.at,
            kind: event.body.kind().to_owned(),
            text: one_line(text),
            log: Vec::new(),
            colour: None,
        }
    }

    /// A further event belongs to the row, and may change what it says.
    pub(super) fn extend(&mut self, event: &Event, text: Option<String>) {
        self.last = event.seq;
        self.to = event.at;
        event.body.kind().clone_into(&mut self.kind);
        if let Some(text) = text {
            self.text = one_line(&text);
        }
    }

    pub(super) fn paint(&mut self, colour: Colour) {
        self.colour = Some(colour);
    }

    /// The last lines of a service's log.
    pub(super) fn add_log(&mut self, lines: &[String]) {
        let skipped = lines.len().saturating_sub(MAX_LOG_LINES);
        self.log
            .extend(lines.iter().skip(skipped).map(|line| one_line(line)));
    }
}
