//! A run's history as a person reads it: one row for what belongs together, such as an instance of the service that is
//! requested, launched and ready.

mod audit;
mod nodes;
mod render;
mod row;
mod run;
mod trials;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hpcbench_core::event::{Body, Event};
use hpcbench_core::{InstanceId, NodeId, TrialId};
use hpcbench_recipes::Plan;

use crate::elapsed::Elapsed;
use crate::live::EventLines;
use crate::words::Colour;

use audit::Audit;

pub(crate) use row::{Row, Shape};

/// A run's history, made of its events in their order.
#[derive(Debug, Clone)]
pub struct Timeline {
    trials: EventLines,
    audit: Audit,
    /// The rows to which no more events belong.
    rows: Vec<Row>,
    /// The others, by what they are about.
    open: BTreeMap<Story, Row>,
    /// In which image an instance was started last, in words.
    images: BTreeMap<InstanceId, String>,
    /// When the load of the attempt under way began.
    load_since: Option<u64>,
    elapsed: Elapsed,
    /// When the last event happened, in microseconds since the first.
    now: u64,
    /// When the one before it did.
    before: u64,
    files: Files,
    ended: bool,
}

/// What a row with several events is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Story {
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
            audit: Audit::default(),
            rows: Vec::new(),
            open: BTreeMap::new(),
            images: BTreeMap::new(),
            load_since: None,
            elapsed: Elapsed::default(),
            now: 0,
            before: 0,
            files: Files::default(),
            ended: false,
        }
    }

    /// Takes the next event into account.
    pub fn take(&mut self, event: &Event) {
        self.before = self.now;
        self.now = self.elapsed.advance(event.at);
        self.audit.take(event);
        self.trials.learn(event);
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
            | Body::ServiceObserved(_)
            | Body::TrialCompleted(_)
            | Body::TrialFailed(_)
            | Body::TrialInterrupted(_) => self.take_trial(event),
            Body::BusRequested(_) | Body::BusStarted(_) | Body::BusExited(_) => self.take_bus(event),
            Body::CancelRequested(_)
            | Body::NodeGivenUp(_)
            | Body::NodeSuspended(_)
            | Body::RunSuspended(_)
            | Body::JobRequested(_)
            | Body::JobStarted(_)
            | Body::JobEnding(_)
            | Body::CommandRejected(_)
            | Body::StateRebuilt(_)
            | Body::StateVerified(_)
            | Body::Unreadable(_) => self.take_remark(event),
            _ => self.take_run(event),
        }
    }

    /// The rows in the order of their first events, each with whether no more events belong to it.
    pub(crate) fn rows(&self) -> Vec<(&Row, bool)> {
        let over = self.rows.iter().map(|row| (row, true));
        let mut rows: Vec<_> = over.chain(self.open.values().map(|row| (row, false))).collect();
        rows.sort_by_key(|(row, _)| row.first());
        rows
    }

    /// When the last event happened, in microseconds since the first.
    pub(crate) const fn now(&self) -> u64 {
        self.now
    }

    /// What is said of trials.
    pub(crate) const fn trials(&self) -> &EventLines {
        &self.trials
    }

    fn row(&self, story: Option<&Story>, event: &Event, text: &str) -> Row {
        let mut row = Row::new(Shape::Detail, event, self.now, text);
        row.story = story.cloned();
        row
    }

    /// A row that more events may belong to.
    fn begin(&mut self, story: Story, event: &Event, text: impl AsRef<str>) {
        let row = self.row(Some(&story), event, text.as_ref());
        self.rows.extend(self.open.insert(story, row));
    }

    /// A further event of a row; a row of its own if none is open.
    fn go_on(&mut self, story: Story, event: &Event, text: Option<String>) {
        if let Some(row) = self.open.get_mut(&story) {
            row.extend(event, self.now, text);
        } else {
            self.begin(story, event, text.unwrap_or_default());
        }
    }

    /// The last event of a row; a row of its own if none is open.
    fn end(&mut self, story: &Story, event: &Event, text: impl Into<String>) -> &mut Row {
        let text = text.into();
        let row = match self.open.remove(story) {
            Some(mut row) => {
                row.extend(event, self.now, Some(text));
                row
            }
            None => self.row(Some(story), event, &text),
        };
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
    fn single(&mut self, event: &Event, text: impl AsRef<str>) -> &mut Row {
        let row = self.row(None, event, text.as_ref());
        self.rows.push_mut(row)
    }

    /// The same, about something that should not be.
    fn trouble(&mut self, event: &Event, text: impl AsRef<str>) {
        self.single(event, text).paint(Colour::Bad);
    }
}
