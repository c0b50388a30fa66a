//! Events under consideration, and the state that they would lead to.

use std::borrow::Cow;

use crate::event::{Body, Event};
use crate::evolve::fold;
use crate::message::ReportId;
use crate::state::State;
use crate::{Actor, NodeId, Timestamp};

/// An event that was decided on, before the journal gives it a place in the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// Who says so.
    pub actor: Actor,
    /// On which node; none for the orchestrator's own.
    pub node: Option<NodeId>,
    /// The report that it was made of.
    pub report: Option<ReportId>,
    /// What happened.
    pub body: Body,
}

/// Where an event comes from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) actor: Actor,
    pub(super) node: NodeId,
    pub(super) report: ReportId,
}

pub(super) struct DraftRun<'a> {
    state: Cow<'a, State>,
    pub(super) now: Timestamp,
    events: Vec<Decided>,
}

impl<'a> DraftRun<'a> {
    pub(super) fn new(state: &'a State, now: Timestamp) -> Self {
        Self {
            state: Cow::Borrowed(state),
            now,
            events: Vec::new(),
        }
    }

    /// The state after the events so far.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// An event of the orchestrator's own.
    pub(super) fn emit(&mut self, body: impl Into<Body>) {
        self.push(Decided {
            actor: Actor::Orchestrator,
            node: None,
            report: None,
            body: body.into(),
        });
    }

    /// An event that an agent reported.
    pub(super) fn emit_from(&mut self, origin: &Origin, body: impl Into<Body>) {
        self.push(Decided {
            actor: origin.actor,
            node: Some(origin.node.clone()),
            report: Some(origin.report.clone()),
            body: body.into(),
        });
    }

    fn push(&mut self, decided: Decided) {
        // Only seq, time, report and body matter to the fold.
        let event = Event {
            seq: self.state.seq.next(),
            at: self.now,
            actor: decided.actor.as_str().to_owned(),
            node: None,
            correlation: String::new(),
            causation: None,
            report: decided.report.clone(),
            body: decided.body.clone(),
        };
        fold(self.state.to_mut(), &event);
        self.events.push(decided);
    }

    pub(super) fn finish(self) -> Vec<Decided> {
        self.events
    }
}
