//! A run as a trace for Perfetto or Chrome: nodes as processes; epochs, phases, trials, attempts, services and agents as
//! spans; what has no duration as marks.
//!
//! The spans are made of the rows of the [`Timeline`], which pair what belongs together. The events are only asked for
//! the details that stand beside a span.

mod details;
mod json;
mod spans;
mod tracks;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hpcbench_core::event::{Body, Event};
use hpcbench_core::{RunId, Seq, Timestamp};
use hpcbench_recipes::Plan;

use crate::run::ReportError;
use crate::timeline::Timeline;

use details::Details;

/// Most events of a trace. A run has thousands; what is held of each is about a kilobyte, and a viewer holds more.
pub const MAX_TRACED_EVENTS: usize = 200_000;

/// A trace under way, made of a run's events in their order.
#[derive(Debug, Clone)]
pub struct Trace {
    timeline: Timeline,
    details: BTreeMap<Seq, Details>,
    run: Option<RunId>,
    began: Option<Timestamp>,
    /// Most events.
    limit: usize,
}

impl Trace {
    /// A trace without events, of a run of this plan.
    pub fn new(plan: &Plan) -> Self {
        Self {
            timeline: Timeline::new(plan),
            details: BTreeMap::new(),
            run: None,
            began: None,
            limit: MAX_TRACED_EVENTS,
        }
    }

    /// Takes the next event into account.
    ///
    /// # Errors
    ///
    /// There are more than [`MAX_TRACED_EVENTS`]. The trace of those before is sound.
    pub fn take(&mut self, event: &Event) -> Result<(), ReportError> {
        if self.details.len() == self.limit {
            return Err(ReportError::TooManyToTrace);
        }
        self.began.get_or_insert(event.at);
        if let Body::RunCreated(created) = &event.body {
            self.run = Some(created.run.clone());
        }
        self.timeline.take(event);
        // Files have no rows.
        if !matches!(event.body, Body::ArtifactRecorded(_)) {
            self.details.insert(event.seq, Details::of(event));
        }
        Ok(())
    }

    /// The trace as a document of Chrome's trace event format, the object form, one trace event a line. Times are
    /// microseconds since the first event of the run.
    ///
    /// Format: "Trace Event Format", Google, 2016; `ui.perfetto.dev` and `chrome://tracing` read it.
    pub fn to_json(&self) -> String {
        json::document(self, &spans::drawn(&self.timeline, &self.details))
    }
}
