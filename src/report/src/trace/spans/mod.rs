//! From the timeline's rows to spans and marks.

mod drawing;
mod trials;

use std::collections::BTreeMap;

use hpcbench_core::Seq;
use serde_json::{Map, Value};

use super::details::Details;
use super::tracks::Track;
use crate::timeline::{Shape, Timeline};

use drawing::Drawing;

/// Something with a duration. Times are microseconds since the first event.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) track: Track,
    pub(super) category: &'static str,
    pub(super) name: String,
    pub(super) from: u64,
    pub(super) to: u64,
    /// How many spans of its track it lies in; of two with the same times the outer one has the lower depth.
    pub(super) depth: u8,
    pub(super) args: Map<String, Value>,
}

/// Something without.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) track: Track,
    pub(super) name: String,
    pub(super) at: u64,
    pub(super) args: Map<String, Value>,
}

/// What is drawn.
#[derive(Debug, Clone, Default)]
pub(super) struct Drawn {
    pub(super) spans: Vec<Span>,
    pub(super) marks: Vec<Mark>,
}

/// The spans and marks of a history.
pub(super) fn drawn(timeline: &Timeline, details: &BTreeMap<Seq, Details>) -> Drawn {
    let rows = timeline.rows();
    let mut ends = Vec::with_capacity(rows.len());
    // Backwards, so that each row knows when the next epoch begins.
    let mut end_of_epoch = timeline.now();
    for (row, is_over) in rows.iter().rev() {
        let is_done = *is_over && !row.is_cut;
        ends.push(if is_done { row.to } else { end_of_epoch });
        if row.shape == Shape::Epoch {
            end_of_epoch = row.from;
        }
    }
    let mut drawing = Drawing::new(details, timeline.trials());
    for ((row, is_over), to) in rows.into_iter().zip(ends.into_iter().rev()) {
        drawing.row(row, to, is_over);
    }
    drawing.finish(timeline.now())
}
