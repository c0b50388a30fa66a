//! A run's history as a person reads it: one row for what belongs together, such as an instance of the service that is
//! requested, launched and ready.

mod nodes;
mod render;
mod row;
mod run;
mod trials;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hpcbench_core::event::{Body, Event, RunCreated};
use hpcbench_core::{InstanceId, NodeId, Timestamp, TrialId};
use hpcbench_recipes::Plan;

use crate::live::EventLines;
use crate::words::Colour;

use row::{Row, Shape};

/// A run's history, made of its events in their order.
#[derive(Debug, Clone)]
pub struct Timeline {
    trials: EventLines,
    created: Option<RunCreated>,
    /// The rows to which no more events belong.
    rows: Vec<Row>,
    /// The others, by what they are about.
    open: BTreeMap<Story, Row>,
    /// When the load of the attempt under way began.
    load_since: Option<Timestamp>,
    /// When the last event happened.
    last: Option<Timestamp>,
    files: Files,
    ended: bool,
}

/// What a row with several events is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Story {
    Phase,
    Bus,
    Agent(NodeId),
    Collection(NodeId),
    Leaving(NodeId),
    Service(InstanceId),
    ServiceStop(InstanceId),
    Client(NodeId),
    Attempt(TrialId),
}

/// The side files, which get no rows.
#[derive(Debug, Clone, Copy, Default)]
struct Files {
    count: u64,
    bytes: u64,
}

impl Timeline {
    /// A history without events, of a run of this plan.
    pub fn new(plan: &Plan) -> Self {
        Self {
            trials: EventLines::of(plan),
            created: None,
            rows: Vec::new(),
            open: BTreeMap::new(),
            load_since: None,
            last: None,
            files: Files::default(),
            ended: false,
        }
    }

    /// Takes the next event into account.
    pub fn take(&mut self, event: &Event) {
        match &event.body {
            Body::AgentRequested(_)
            | Body::NodeJoined(_)
            | Body::NodeLost(_)
            | Body::NodeLeft(_)
            | Body::CollectionRequested(_)
            | Body::CollectionStarted(_)
            | Body::CollectionStopRequested(_)
            | Body::CollectionStopped(_)
            | Body::ClientRequested(_)
            | Body::ClientConnected(_)
            | Body::ClientFailed(_) => self.take_node(event),
            Body::ServiceRequested(_)
            | Body::ServiceLaunched(_)
            | Body::ServiceReady(_)
            | Body::ServiceFailed(_)
            | Body::ServiceStopRequested(_)
            | Body::ServiceExited(_) => self.take_service(event),
            Body::TrialStarted(_)
            | Body::TrialPrepared(_)
            | Body::LoadStarted(_)
            | Body::TrialStopRequested(_)
            | Body::ShareReported(_)
            | Body::TrialCompleted(_)
            | Body::TrialFailed(_)
            | Body::TrialInterrupted(_) => self.take_trial(event),
            Body::BusRequested(_) | Body::BusStarted(_) | Body::BusExited(_) => self.take_bus(event),
            Body::CancelRequested(_)
            | Body::CommandRejected(_)
            | Body::StateVerified(_)
            | Body::Unreadable(_) => self.take_remark(event),
            _ => self.take_run(event),
        }
        self.last = Some(event.at);
    }

    /// A row that more events may belong to.
    fn begin(&mut self, story: Story, event: &Event, text: impl Into<String>) {
        let row = Row::new(Shape::Detail, event, &text.into());
        self.rows.extend(self.open.insert(story, row));
    }

    /// A further event of a row; a row of its own if none is open.
    fn go_on(&mut self, story: Story, event: &Event, text: Option<String>) {
        let row = self.open.entry(story);
        row.or_insert_with(|| Row::new(Shape::Detail, event, ""))
            .extend(event, text);
    }

    /// The last event of a row; a row of its own if none is open.
    fn end(&mut self, story: &Story, event: &Event, text: impl Into<String>) -> &mut Row {
        let open = self.open.remove(story);
        let mut row = open.unwrap_or_else(|| Row::new(Shape::Detail, event, ""));
        row.extend(event, Some(text.into()));
        self.rows.push_mut(row)
    }

    /// A row that was begun and will not be completed.
    fn give_up(&mut self, story: &Story) {
        if let Some(mut row) = self.open.remove(story) {
            row.paint(Colour::Doubtful);
            self.rows.push(row);
        }
    }

    /// A row of one event.
    fn single(&mut self, event: &Event, text: impl Into<String>) -> &mut Row {
        self.rows.push_mut(Row::new(Shape::Detail, event, &text.into()))
    }

    /// The same, about something that should not be.
    fn trouble(&mut self, event: &Event, text: impl Into<String>) {
        self.single(event, text).paint(Colour::Bad);
    }
}
