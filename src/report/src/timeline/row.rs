//! A row of the timeline.

use hpcbench_core::Seq;
use hpcbench_core::event::Event;

use super::Story;
use crate::words::{Colour, one_line};

/// Most lines of a service's log below a row; the log itself has all.
const MAX_LOG_LINES: usize = 10;

/// One row. Times are microseconds since the first event.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) shape: Shape,
    /// What it is about; none for a row of one event that belongs to nothing.
    pub(crate) story: Option<Story>,
    /// Its events, each with its time.
    pub(crate) events: Vec<(Seq, u64)>,
    pub(crate) from: u64,
    /// When its last event happened.
    pub(crate) to: u64,
    /// The type of its last event.
    pub(crate) kind: String,
    /// What it says, free of control characters.
    pub(crate) text: String,
    /// Its epoch ended before it did; when it really ended is not known.
    pub(crate) is_cut: bool,
    /// Lines of a service's log, below it.
    pub(super) log: Vec<String>,
    pub(super) colour: Option<Colour>,
}

/// What a row is in the outline of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A writer took over.
    Epoch,
    /// A phase began.
    Phase,
    /// Something happened in it.
    Detail,
}

impl Row {
    /// A row that begins `now`.
    pub(super) fn new(shape: Shape, event: &Event, now: u64, text: &str) -> Self {
        Self {
            shape,
            story: None,
            events: vec![(event.seq, now)],
            from: now,
            to: now,
            kind: event.body.kind().to_owned(),
            text: one_line(text),
            is_cut: false,
            log: Vec::new(),
            colour: None,
        }
    }

    /// A further event belongs to the row, and may change what it says.
    pub(super) fn extend(&mut self, event: &Event, now: u64, text: Option<String>) {
        self.events.push((event.seq, now));
        self.to = now;
        event.body.kind().clone_into(&mut self.kind);
        if let Some(text) = text {
            self.text = one_line(&text);
        }
    }

    /// Its first event.
    pub(crate) fn first(&self) -> Seq {
        self.events.first().map_or(Seq(0), |(seq, _)| *seq)
    }

    /// Its last event so far.
    pub(crate) fn last(&self) -> Seq {
        self.events.last().map_or(Seq(0), |(seq, _)| *seq)
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
