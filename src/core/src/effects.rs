//! What the world has to be made to do after an event: carried out once the event is synced.

use hpcbench_recipes::plan::SearchPoint;
use hpcbench_stats::ServiceReport;

use crate::decide::is_ready_to_verify;
use crate::event::{ArtifactRecorded, Body, Event};
use crate::message::{AgentCommand, CommandBody};
use crate::state::{AttemptState, AttemptStatus, Observation, Share, State};
use crate::{Actor, Attempt, InstanceId, NodeId, Role, Seq, TrialId, limits};

/// Something to be done outside of the state machine. Each can be repeated without harm.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start the message bus.
    StartBus {
        /// Which start.
        launch: u32,
    },
    /// Start an agent.
    LaunchAgent {
        /// Where.
        node: NodeId,
        /// For what.
        role: Role,
        /// Which start.
        launch: u32,
    },
    /// End an agent's process, if there is one.
    KillAgent {
        /// Where.
        node: NodeId,
    },
    /// Send a command to an agent's actor.
    Send {
        /// Where.
        node: NodeId,
        /// To whom.
        actor: Actor,
        /// What.
        command: AgentCommand,
    },
    /// Put the shares of an attempt together.
    Measure {
        /// Which trial.
        trial: TrialId,
        /// Which execution of it.
        attempt: Attempt,
        /// Where the trial is one of a search: its level and repetition.
        point: Option<SearchPoint>,
        /// The clients' aggregates.
        aggregates: Vec<ArtifactRecorded>,
        /// The services' own accounts, one a node that gave one.
        services: Vec<ServiceReport>,
        /// The nodes that the trial would have used, and that the run goes on without.
        without: Vec<NodeId>,
        /// The endpoints as records number them: their instances and base URLs.
        endpoints: Vec<(InstanceId, String)>,
    },
    /// Compare the live state with the state folded from the log.
    CheckState {
        /// Both after this event.
        through: Seq,
    },
    /// The run has ended.
    Finish {
        /// The program's exit code.
        exit_code: u8,
    },
}

/// What follows from an event; `state` is the state after it.
pub fn effects(state: &State, event: &Event) -> Vec<Effect> {
    let mut effects = direct(state, event);
    effects.extend(measure(state, event));
    if matches!(
        event.body,
        Body::NodeLost(_) | Body::NodeLeft(_) | Body::PhaseEntered(_) | Body::ServiceExited(_)
    ) && is_ready_to_verify(state)
    {
        effects.push(Effect::CheckState { through: event.seq });
    }
    effects
}

fn direct(state: &State, event: &Event) -> Vec<Effect> {
    let send = |node: &NodeId, body: CommandBody| vec![send(state, event, node, body)];
    match &event.body {
        Body::BusRequested(e) => vec![Effect::StartBus { launch: e.launch }],
        Body::AgentRequested(e) => {
            vec![Effect::LaunchAgent {
                node: e.node.clone(),
                role: e.role,
                launch: e.launch,
            }]
        }
        Body::NodeLost(e) => vec![Effect::KillAgent { node: e.node.clone() }],
        Body::ServiceRequested(e) => {
            let instance = e.instance.clone();
            send(
                &e.node,
                CommandBody::LaunchService {
                    service: e.service,
                    instance,
                    launch: e.launch,
                    rank: e.rank.clone(),
                },
            )
        }
        Body::ServiceStopRequested(e) => match instance_node(state, &e.instance) {
            Some(node) => send(
                &node,
                CommandBody::StopService {
                    instance: e.instance.clone(),
                    launch: e.launch,
                },
            ),
            None => Vec::new(),
        },
        Body::CollectionRequested(e) => send(&e.node, CommandBody::Collect),
        Body::CollectionStopRequested(e) => send(&e.node, CommandBody::FinishCollection),
        Body::ClientRequested(e) => {
            let endpoints = e.endpoints.iter().map(|(_, url)| url.clone()).collect();
            let nodes = state.nodes.iter().filter(|(_, node)| node.is_joined());
            let links = nodes
                .filter_map(|(id, node)| Some((id.clone(), node.link.clone()?)))
                .collect();
            send(&e.node, CommandBody::Connect { endpoints, links })
        }
        Body::TrialStarted(_) | Body::LoadStarted(_) | Body::TrialStopRequested(_) => {
            let mut effects = observe(state, event);
            effects.extend(attempt(state, event));
            effects
        }
        Body::RunCompleted(e) => vec![Effect::Finish {
            exit_code: e.exit_code,
        }],
        Body::RunFailed(e) => vec![Effect::Finish {
            exit_code: e.exit_code,
        }],
        Body::RunCancelled(e) => vec![Effect::Finish {
            exit_code: e.exit_code,
        }],
        Body::RunPaused(e) => vec![Effect::Finish {
            exit_code: e.exit_code,
        }],
        _ => Vec::new(),
    }
}

fn instance_node(state: &State, id: &InstanceId) -> Option<NodeId> {
    let deployment = state.deployment.as_ref()?;
    deployment.instances.get(id).map(|instance| instance.node.clone())
}

/// The idempotency key is made of the event and the receiver: sending it again does nothing more.
fn send(state: &State, event: &Event, node: &NodeId, body: CommandBody) -> Effect {
    let id = format!("{}-{}-{node}", state.epoch, event.seq);
    let actor = body.actor();
    let command = AgentCommand {
        id,
        epoch: state.epoch,
        cause: event.seq,
        body,
    };
    Effect::Send {
        node: node.clone(),
        actor,
        command,
    }
}

/// Commands to every client that takes part and has not handed in its share.
fn attempt(state: &State, event: &Event) -> Vec<Effect> {
    let Some((trial, running)) = state.active() else {
        return Vec::new();
    };
    let (trial, attempt) = (trial.clone(), running.attempt);
    let point = state.searched(&trial).map(|trial| trial.point);
    let endpoints = || {
        let all = state
            .deployment
            .as_ref()
            .map(crate::state::Deployment::endpoints)
            .unwrap_or_default();
        all.into_iter().map(|(_, url)| url).collect()
    };
    let body = match event.body {
        Body::TrialStarted(_) => CommandBody::Prepare {
            trial,
            attempt,
            clients: running.shares.keys().cloned().collect(),
            endpoints: endpoints(),
            point,
        },
        Body::LoadStarted(_) => CommandBody::Start {
            trial,
            attempt,
            delay_ms: limits::START_DELAY_MS,
        },
        _ => CommandBody::StopAttempt { trial, attempt },
    };
    let due = running.shares.iter().filter(|(_, share)| share.is_due());
    due.map(|(node, _)| send(state, event, node, body.clone()))
        .collect()
}

/// Commands to every node whose service instances are observed: their counters are read while clients still prepare.
fn observe(state: &State, event: &Event) -> Vec<Effect> {
    let (Some((trial, running)), Some(deployment)) = (state.active(), &state.deployment) else {
        return Vec::new();
    };
    let all = deployment.endpoints();
    let on = |node: &NodeId| {
        let here = |id: &InstanceId| deployment.instances.get(id).is_some_and(|i| i.node == *node);
        all.iter().filter(|(id, _)| here(id)).cloned().collect()
    };
    let (trial, attempt) = (trial.clone(), running.attempt);
    let point = state.searched(&trial).map(|trial| trial.point);
    let body = |node| match event.body {
        Body::LoadStarted(_) => CommandBody::ObserveLoad {
            trial: trial.clone(),
            attempt,
            delay_ms: limits::START_DELAY_MS,
        },
        Body::TrialStopRequested(_) => CommandBody::LeaveObservation {
            trial: trial.clone(),
            attempt,
        },
        _ => CommandBody::Observe {
            trial: trial.clone(),
            attempt,
            endpoints: on(node),
            point,
        },
    };
    let nodes = running.observers.keys();
    nodes.map(|node| send(state, event, node, body(node))).collect()
}

/// The last share was handed in, or will never be: the shares are put together, once the service's own account is there.
/// Where a lost node leads to the end of the attempt, that end follows.
fn measure(state: &State, event: &Event) -> Vec<Effect> {
    let Some((trial, attempt)) = state.active().filter(|(_, attempt)| attempt.is_over()) else {
        return Vec::new();
    };
    if !attempt.awaits_observations() {
        return put_together(state, trial, attempt, event).into_iter().collect();
    }
    if !matches!(event.body, Body::ShareReported(_)) {
        return Vec::new();
    }
    let body = CommandBody::FinishObservation {
        trial: trial.clone(),
        attempt: attempt.attempt,
    };
    let due = attempt
        .observers
        .iter()
        .filter(|(_, o)| matches!(o, Observation::Due));
    due.map(|(node, _)| send(state, event, node, body.clone()))
        .collect()
}

fn put_together(state: &State, trial: &TrialId, attempt: &AttemptState, event: &Event) -> Option<Effect> {
    match &event.body {
        Body::ShareReported(_) | Body::ServiceObserved(_) | Body::TrialStopRequested(_) => {}
        Body::NodeLost(e)
            if attempt.stop.is_none()
                && matches!(attempt.observers.get(&e.node), Some(Observation::Lost)) => {}
        Body::NodeLost(e)
            if attempt.status == AttemptStatus::Stopping
                && matches!(attempt.shares.get(&e.node), Some(Share::Lost)) => {}
        _ => return None,
    }
    let aggregates = attempt.shares.values().filter_map(|share| match share {
        Share::Reported(reported) => reported.files.as_ref().map(|files| files.aggregate.clone()),
        _ => None,
    });
    let observations = attempt
        .observers
        .values()
        .filter_map(|observation| match observation {
            Observation::Reported(service) => Some(service.clone()),
            _ => None,
        });
    let planned = state.trial_outline(trial);
    let is_missed = |node: &NodeId| planned.is_none_or(|planned| state.outline.uses(planned, node));
    let without = state.given_up().filter(|node| is_missed(node));
    Some(Effect::Measure {
        trial: trial.clone(),
        attempt: attempt.attempt,
        point: state.searched(trial).map(|trial| trial.point),
        aggregates: aggregates.collect(),
        services: observations.collect(),
        without: without.cloned().collect(),
        endpoints: state
            .deployment
            .as_ref()
            .map(crate::state::Deployment::endpoints)
            .unwrap_or_default(),
    })
}
