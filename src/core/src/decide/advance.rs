//! What can be done next, given a state: the order in which a run gets things done.

use super::teardown;
use crate::event::{
    AgentRequested, Body, BusRequested, ClientRequested, CollectionRequested, LoadStarted, PhaseEntered,
    ServiceRequested, ServiceStopRequested, TrialFailed, TrialStarted,
};
use crate::outline::{ServiceOutline, TrialOutline};
use crate::state::{
    AttemptState, AttemptStatus, BusStatus, Client, Collection, Deployment, InstanceStatus, NodeStatus,
    State, TrialStatus,
};
use crate::{Attempt, InstanceId, Phase, Role, Timestamp, limits};

/// A step's finding.
enum Step {
    /// This is to happen.
    Do(Body),
    /// Nothing can be done before something is reported or time passes.
    Wait,
    /// This step is complete: on to the one after it.
    Done,
}

/// The next event, or nothing until something else happens.
pub(super) fn next(state: &State, now: Timestamp) -> Option<Body> {
    let outline = state.outline.clone();
    if let Some((id, attempt)) = state.active() {
        return next_in_attempt(state, id, attempt).or_else(|| bus(state));
    }
    if state.is_ending() {
        return teardown::next(state);
    }
    let trial = state.next_trial()?;
    let service = outline.services.get(trial.service)?;
    let steps: [&dyn Fn() -> Step; 8] = [
        &|| phase_if(state, state.phase.is_none(), Phase::Initialize),
        &|| bus_step(state),
        &|| agents(state),
        &|| retire(state, trial.service),
        &|| deploy(state, trial, service, now),
        &|| monitor(state),
        &|| connect(state, trial),
        &|| execute(state, trial),
    ];
    for step in steps {
        match step() {
            Step::Do(body) => return Some(body),
            Step::Wait => return None,
            Step::Done => {}
        }
    }
    None
}

fn phase_if(state: &State, needed: bool, phase: Phase) -> Step {
    if needed && state.phase != Some(phase) {
        Step::Do(PhaseEntered { phase }.into())
    } else {
        Step::Done
    }
}

fn bus(state: &State) -> Option<Body> {
    match state.bus.status {
        BusStatus::Absent | BusStatus::Down { .. } if state.bus.launches < limits::BUS_LAUNCHES => Some(
            BusRequested {
                launch: state.bus.launches + 1,
            }
            .into(),
        ),
        _ => None,
    }
}

fn bus_step(state: &State) -> Step {
    match state.bus.status {
        BusStatus::Up { .. } => Step::Done,
        _ => bus(state).map_or(Step::Wait, Step::Do),
    }
}

fn agents(state: &State) -> Step {
    let mut waiting = false;
    for (node, role) in &state.outline.nodes {
        let launches = match state.nodes.get(node) {
            None => 0,
            Some(known) => match known.status {
                NodeStatus::Joined { .. } => continue,
                NodeStatus::Requested { .. } => {
                    waiting = true;
                    continue;
                }
                NodeStatus::Lost { .. } | NodeStatus::Left => known.launches,
            },
        };
        let launch = launches + 1;
        return Step::Do(
            AgentRequested {
                node: node.clone(),
                role: *role,
                launch,
            }
            .into(),
        );
    }
    if waiting { Step::Wait } else { Step::Done }
}

/// Another configuration's instances have to go first.
fn retire(state: &State, service: usize) -> Step {
    let Some(old) = state.deployment.as_ref().filter(|d| d.service != service) else {
        return Step::Done;
    };
    match stop_next(old) {
        Some(body) => Step::Do(body),
        None if old.may_run() => Step::Wait,
        None => Step::Done,
    }
}

/// Asks the next instance that may be running to stop.
pub(super) fn stop_next(deployment: &Deployment) -> Option<Body> {
    deployment
        .instances
        .iter()
        .find_map(|(id, instance)| match instance.status {
            InstanceStatus::Requested { .. }
            | InstanceStatus::Launched { .. }
            | InstanceStatus::Ready { .. } => Some(
                ServiceStopRequested {
                    instance: id.clone(),
                    launch: instance.launches,
                }
                .into(),
            ),
            _ => None,
        })
}

fn deploy(state: &State, trial: &TrialOutline, service: &ServiceOutline, now: Timestamp) -> Step {
    let current = state.deployment.as_ref().filter(|d| d.service == trial.service);
    let ready = |id: &InstanceId| {
        let instance = current.and_then(|d| d.instances.get(id));
        instance.is_some_and(|i| matches!(i.status, InstanceStatus::Ready { .. }))
    };
    if service.instances.keys().all(ready) {
        return Step::Done;
    }
    if let Step::Do(body) = phase_if(state, true, Phase::Deploy) {
        return Step::Do(body);
    }
    for (id, node) in &service.instances {
        let launches = match current.and_then(|d| d.instances.get(id)) {
            None => 0,
            Some(instance) => match &instance.status {
                InstanceStatus::Down { reason, log_tail, .. } if instance.launches > service.restarts => {
                    return Step::Do(fail(
                        state,
                        trial,
                        format!("service {id} cannot be had: {reason}"),
                        log_tail,
                    ));
                }
                InstanceStatus::Down { since, .. }
                    if now.seconds_since(*since) < backoff(service, instance.launches) =>
                {
                    continue;
                }
                InstanceStatus::Down { .. } | InstanceStatus::Stopped => instance.launches,
                _ => continue,
            },
        };
        let request = ServiceRequested {
            service: trial.service,
            instance: id.clone(),
            node: node.clone(),
            launch: launches + 1,
        };
        return Step::Do(request.into());
    }
    Step::Wait
}

/// Seconds between an instance's end and its next start, after so many starts.
fn backoff(service: &ServiceOutline, launches: u32) -> f64 {
    const LONGEST_SECONDS: f64 = 300.0;
    let doublings = i32::try_from(launches.saturating_sub(1)).unwrap_or(i32::MAX);
    (service.restart_backoff * 2f64.powi(doublings)).min(LONGEST_SECONDS)
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
                return Step::Do(CollectionRequested { node: node.clone() }.into());
            }
            _ => waiting = true,
        }
    }
    if waiting { Step::Wait } else { Step::Done }
}

fn connect(state: &State, trial: &TrialOutline) -> Step {
    let mut waiting = false;
    for (node, known) in state.nodes.iter().filter(|(_, known)| known.role == Role::Client) {
        match &known.client {
            Client::Connected => {}
            Client::Requested { .. } => waiting = true,
            Client::Failed { reason } => {
                let reason = format!("client {node} cannot reach the service: {reason}");
                return Step::Do(fail(state, trial, reason, &[]));
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
                return Step::Do(
                    ClientRequested {
                        node: node.clone(),
                        endpoints,
                    }
                    .into(),
                );
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
    if let Some(TrialStatus::Interrupted { reason }) = known.map(|known| &known.status)
        && attempts.0 >= limits::ATTEMPTS
    {
        let reason = format!("it was interrupted {attempts} times, last: {reason}");
        let failed = TrialFailed {
            trial: trial.id.clone(),
            attempt: attempts,
            reason,
            log_tail: Vec::new(),
            summary: None,
        };
        return Step::Do(failed.into());
    }
    let clients = state.outline.nodes_of(Role::Client).cloned().collect();
    Step::Do(
        TrialStarted {
            trial: trial.id.clone(),
            attempt: attempts.next(),
            clients,
        }
        .into(),
    )
}

/// A trial that cannot be attempted fails with the number that its attempt would have had.
fn fail(state: &State, trial: &TrialOutline, reason: String, log_tail: &[String]) -> Body {
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

fn next_in_attempt(_: &State, id: &crate::TrialId, attempt: &AttemptState) -> Option<Body> {
    (attempt.status == AttemptStatus::Preparing && attempt.is_prepared()).then(|| {
        LoadStarted {
            trial: id.clone(),
            attempt: attempt.attempt,
        }
        .into()
    })
}
