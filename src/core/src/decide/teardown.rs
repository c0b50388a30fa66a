//! The end of a run, in order: services, logs, agents, the comparison of state and log, the terminal event.

use super::advance::{Step, bus_step};
use super::deploy::stop_next;
use crate::event::{
    Body, CollectionStopRequested, NodeLost, PhaseEntered, RunCancelled, RunCompleted, RunFailed, RunPaused,
};
use crate::state::{Collection, Node, NodeStatus, State};
use crate::{Phase, Role};

/// Exit code of a run whose log does not say what its orchestrator believed.
const DAMAGED: u8 = 4;

pub(super) fn next(state: &State) -> Option<Body> {
    if state.phase != Some(Phase::Teardown) {
        return Some(
            PhaseEntered {
                phase: Phase::Teardown,
            }
            .into(),
        );
    }
    // Agents can be told to end in order only over the bus.
    if state.nodes.values().any(Node::is_joined) {
        match bus_step(state) {
            Step::Do(body) => return Some(*body),
            Step::Wait => return None,
            Step::Done => {}
        }
    }
    if let Some(deployment) = &state.deployment {
        if let Some(body) = stop_next(deployment) {
            return Some(body);
        }
        if deployment.may_run() {
            return None;
        }
    }
    // The orchestrator's own logs are finished last: they tell of the other nodes' end.
    for last in [false, true] {
        let nodes = || {
            state
                .nodes
                .iter()
                .filter(|(_, node)| (node.role == Role::Orchestrator) == last)
        };
        for (id, node) in nodes() {
            match (&node.status, node.collection) {
                (NodeStatus::Requested { .. }, _) => {
                    let reason = "the run ended before it had joined".to_owned();
                    return Some(
                        NodeLost {
                            node: id.clone(),
                            reason,
                        }
                        .into(),
                    );
                }
                (
                    NodeStatus::Joined { .. },
                    Collection::Absent | Collection::Requested { .. } | Collection::Running,
                ) => {
                    return Some(CollectionStopRequested { node: id.clone() }.into());
                }
                _ => {}
            }
        }
        if nodes().any(|(_, node)| !node.is_gone()) {
            return None;
        }
    }
    terminal(state)
}

/// Whether nothing is left of the run but to compare the states and say how it ended.
pub(crate) fn is_ready_to_verify(state: &State) -> bool {
    state.phase == Some(Phase::Teardown)
        && state.outcome.is_none()
        && state.verified.is_none()
        && state.nodes.values().all(Node::is_gone)
        && !state
            .deployment
            .as_ref()
            .is_some_and(crate::state::Deployment::may_run)
}

fn terminal(state: &State) -> Option<Body> {
    let verified = state.verified.as_ref()?;
    if !verified.equal {
        let reason = "the state folded from the log is not the state that the orchestrator held".to_owned();
        return Some(
            RunFailed {
                exit_code: DAMAGED,
                reason,
            }
            .into(),
        );
    }
    if let Some(cancel) = &state.cancel {
        return Some(
            RunCancelled {
                exit_code: 1,
                reason: cancel.reason.clone(),
            }
            .into(),
        );
    }
    // Whatever happens after the last trial does not keep the run from being complete.
    if state.has_more()
        && let Some(ending) = &state.ending
    {
        let paused = RunPaused {
            exit_code: 1,
            reason: ending.reason.clone(),
            afterwards: ending.afterwards,
        };
        return Some(paused.into());
    }
    if state.has_more()
        && let Some((exit_code, reason)) = state.failure()
    {
        return Some(RunFailed { exit_code, reason }.into());
    }
    Some(
        RunCompleted {
            exit_code: u8::from(!state.all_valid()),
        }
        .into(),
    )
}
