//! What can be done next, given a state: the order in which a run gets things done.

use super::deploy::{deploy, retire};
use super::{job, search, teardown};
use crate::event::{
    AgentRequested, Body, BusRequested, ClientRequested, CollectionRequested, LoadStarted, PhaseEntered,
    TrialFailed, TrialStarted,
};
use crate::outline::TrialOutline;
use crate::state::{
    AttemptState, AttemptStatus, BusStatus, Client, Collection, Deployment, Node, NodeStatus, State,
    TrialStatus,
};
use crate::{Attempt, NodeId, Phase, Timestamp, TrialId, limits};

/// A step's finding.
pub(super) enum Step {
    /// This is to happen.
    Do(Box<Body>),
    /// Nothing can be done before something is reported or time passes.
    Wait,
    /// This step is complete: on to the one after it.
    Done,
}

impl Step {
    pub(super) fn event(body: impl Into<Body>) -> Self {
        Self::Do(Box::new(body.into()))
    }
}

/// The next event, or nothing until something else happens.
pub(super) fn next(state: &State, now: Timestamp) -> Option<Body> {
    if let Some((id, attempt)) = state.active() {
        return next_in_attempt(id, attempt).or_else(|| bus(state));
    }
    if state.is_ending() {
        return teardown::next(state);
    }
    if let Some(decided) = search::next(state) {
        return Some(decided);
    }
    let trial = state.next_trial()?;
    let Some(service) = state.outline.services.get(trial.service) else {
        let reason = format!("the plan has no service {}", trial.service);
        return Some(fail(state, trial, reason, &[]));
    };
    if let Some(ending) = job::no_time_for(state, trial, now) {
        return Some(ending);
    }
    let steps: [&dyn Fn() -> Step; 8] = [
        &|| phase_if(state, state.phase.is_none(), Phase::Initialize),
        &|| bus_step(state),
        &|| agents(state, now),
        &|| retire(state, trial.service),
        &|| deploy(state, trial, service, now),
        &|| monitor(state),
        &|| connect(state, trial, now),
        &|| execute(state, trial),
    ];
    for step in steps {
        match step() {
            Step::Do(body) => return Some(*body),
            Step::Wait => return None,
            Step::Done => {}
        }
    }
    None
}

pub(super) fn phase_if(state: &State, needed: bool, phase: Phase) -> Step {
    if needed && state.phase != Some(phase) {
        Step::event(PhaseEntered { phase })
    } else {
        Step::Done
    }
}

fn bus(state: &State) -> Option<Body> {
    match state.bus.status {
        BusStatus::Absent | BusStatus::Down { .. } if state.bus.losses < state.bus.most_losses() => Some(
            BusRequested {
                launch: state.bus.launches.saturating_add(1),
            }
            .into(),
        ),
        _ => None,
    }
}

pub(super) fn bus_step(state: &State) -> Step {
    match state.bus.status {
        BusStatus::Up { .. } => Step::Done,
        _ => bus(state).map_or(Step::Wait, Step::event),
    }
}

/// Whether the run goes on with this node.
pub(super) fn is_in(state: &State, node: &NodeId) -> bool {
    !state.nodes.get(node).is_some_and(Node::is_given_up)
}

fn agents(state: &State, now: Timestamp) -> Step {
    let mut waiting = false;
    for (node, role) in &state.outline.nodes {
        let launches = match state.nodes.get(node) {
            // No trial to come uses it.
            None
            | Some(Node {
                status: NodeStatus::Lost { .. },
                ..
            }) if !state.needs(node) => continue,
            None => 0,
            Some(known) => match known.status {
                NodeStatus::Joined { .. } | NodeStatus::GivenUp { .. } => continue,
                NodeStatus::Requested { .. } => {
                    waiting = true;
                    continue;
                }
                NodeStatus::Lost { since, .. }
                    if known.losses > 1 && now.seconds_since(since) < limits::AGENT_PAUSE_SECONDS =>
                {
                    waiting = true;
                    continue;
                }
                NodeStatus::Lost { .. } | NodeStatus::Left => known.launches,
            },
        };
        let launch = launches.saturating_add(1);
        return Step::event(AgentRequested {
            node: node.clone(),
            role: *role,
            launch,
        });
    }
    if waiting { Step::Wait } else { Step::Done }
}

fn monitor(state: &State) -> Step {
    let mut waiting = false;
    for (node, known) in state.nodes.iter().filter(|(_, known)| known.is_joined()) {
        match known.collection {
            Collection::Running => {}
            Collection::Absent => {
                if let Step::Do(body) = phase_if(state, true, Phase::Monitor) {
                    return Step::Do(body);
                }
                return Step::event(CollectionRequested { node: node.clone() });
            }
            _ => waiting = true,
        }
    }
    if waiting { Step::Wait } else { Step::Done }
}

fn connect(state: &State, trial: &TrialOutline, now: Timestamp) -> Step {
    let mut waiting = false;
    let clients = trial.clients.iter();
    let clients = clients.filter_map(|node| Some((node, state.nodes.get(node)?)));
    for (node, known) in clients.filter(|(_, known)| !known.is_given_up()) {
        match &known.client {
            Client::Connected => {}
            Client::Requested { .. } => waiting = true,
            // If the service has ended, that is about to be told, and it may be started again.
            Client::Failed { since, .. } if now.seconds_since(*since) < limits::PROBE_GRACE_SECONDS => {
                waiting = true;
            }
            Client::Failed { reason, .. } => {
                let reason = format!("client {node} cannot reach the service: {reason}");
                return Step::event(fail(state, trial, reason, &[]));
            }
            Client::Absent => {
                if let Step::Do(body) = phase_if(state, true, Phase::Connect) {
                    return Step::Do(body);
                }
                let endpoints = state
                    .deployment
                    .as_ref()
                    .map(Deployment::endpoints)
                    .unwrap_or_default();
                return Step::event(ClientRequested {
                    node: node.clone(),
                    endpoints,
                });
            }
        }
    }
    if waiting { Step::Wait } else { Step::Done }
}

fn execute(state: &State, trial: &TrialOutline) -> Step {
    if let Step::Do(body) = phase_if(state, true, Phase::Execute) {
        return Step::Do(body);
    }
    let known = state.trials.get(&trial.id);
    let attempts = known.map_or(Attempt(0), |known| known.attempt);
    if let Some(known) = known
        && let TrialStatus::Interrupted { reason } = &known.status
        && known.interruptions >= limits::INTERRUPTIONS
    {
        let reason = format!("it was interrupted {} times, last: {reason}", known.interruptions);
        let failed = TrialFailed {
            trial: trial.id.clone(),
            attempt: attempts,
            reason,
            log_tail: Vec::new(),
            summary: None,
        };
        return Step::event(failed);
    }
    let clients = trial.clients.iter().filter(|node| is_in(state, node));
    Step::event(TrialStarted {
        trial: trial.id.clone(),
        attempt: attempts.next(),
        clients: clients.cloned().collect(),
    })
}

/// A trial that cannot be attempted fails with the number that its attempt would have had.
pub(super) fn fail(state: &State, trial: &TrialOutline, reason: String, log_tail: &[String]) -> Body {
    let attempts = state
        .trials
        .get(&trial.id)
        .map_or(Attempt(0), |known| known.attempt);
    let failed = TrialFailed {
        trial: trial.id.clone(),
        attempt: attempts.next(),
        reason,
        log_tail: log_tail.to_vec(),
        summary: None,
    };
    failed.into()
}

fn next_in_attempt(id: &TrialId, attempt: &AttemptState) -> Option<Body> {
    (attempt.status == AttemptStatus::Preparing && attempt.is_prepared()).then(|| {
        LoadStarted {
            trial: id.clone(),
            attempt: attempt.attempt,
        }
        .into()
    })
}
