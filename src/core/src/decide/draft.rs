//! Events under consideration, and the state that they would lead to.

use std::borrow::Cow;

use crate::event::{Body, Event};
use crate::evolve::fold;
use crate::message::ReportId;
use crate::state::State;
use crate::{Actor, NodeId, Seq, Timestamp};

/// An event that was decided on, before the journal gives it a place in the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// Who says so.
    pub actor: Actor,
    /// On which node; none for the orchestrator's own.
    pub node: Option<NodeId>,
    /// The report that it was made of.
    pub report: Option<ReportId>,
    /// What led to it.
    pub led_by: LedBy,
    /// What happened.
    pub body: Body,
}

/// What led to an event of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedBy {
    /// What led to the command.
    Cause,
    /// Time has passed, whatever the command was.
    Time,
    /// The event of this index in the same decision.
    Event(usize),
}

impl LedBy {
    /// The event that led to it, where `cause` led to the command and the decision's events begin with `first`.
    pub fn causation(self, cause: Option<Seq>, first: Seq) -> Option<Seq> {
        match self {
            Self::Cause => cause,
            Self::Time => None,
            Self::Event(index) => Some(Seq(first.0 + index as u64)),
        }
    }
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
    /// What leads to the next event of the orchestrator's own.
    lead: LedBy,
}

impl<'a> DraftRun<'a> {
    pub(super) fn new(state: &'a State, now: Timestamp) -> Self {
        Self {
            state: Cow::Borrowed(state),
            now,
            events: Vec::new(),
            lead: LedBy::Cause,
        }
    }

    /// The state after the events so far.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// What is emitted next follows from this, and not from what it would have followed from, which is returned.
    pub(super) fn begin(&mut self, lead: LedBy) -> LedBy {
        std::mem::replace(&mut self.lead, lead)
    }

    /// An event of the orchestrator's own. What it emits afterwards follows from the first one.
    pub(super) fn emit(&mut self, body: impl Into<Body>) {
        let led_by = self.lead;
        if !matches!(led_by, LedBy::Event(_)) {
            self.lead = LedBy::Event(self.events.len());
        }
        self.push(Decided {
            actor: Actor::Orchestrator,
            node: None,
            report: None,
            led_by,
            body: body.into(),
        });
    }

    /// A step of the run: others that are taken with it follow from what it follows from, unless it is a new phase.
    pub(super) fn emit_step(&mut self, body: Body) {
        let lead = match body {
            Body::PhaseEntered(_) => LedBy::Event(self.events.len()),
            _ => self.lead,
        };
        self.emit(body);
        self.lead = lead;
    }

    /// An event that an agent reported. What the orchestrator makes of a report follows from what it says, rather than from
    /// the files that come with it.
    pub(super) fn emit_from(&mut self, origin: &Origin, body: impl Into<Body>) {
        let body = body.into();
        if !matches!((self.lead, &body), (LedBy::Event(_), Body::ArtifactRecorded(_))) {
            self.lead = LedBy::Event(self.events.len());
        }
        self.push(Decided {
            actor: origin.actor,
            node: Some(origin.node.clone()),
            report: Some(origin.report.clone()),
            led_by: LedBy::Cause,
            body,
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
