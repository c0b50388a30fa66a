//! Time in which the orchestrator stood still, which is nobody's delay.

use crate::Timestamp;
use crate::state::{BusStatus, Client, Collection, InstanceStatus, NodeStatus, State, TrialStatus};

/// Moves the beginning of everything that is waited for, so that what was due meanwhile is not overdue.
pub(super) fn shift(state: &mut State, seconds: f64) {
    let later = |since: &mut Timestamp| *since = since.plus_seconds(seconds);
    if let BusStatus::Requested { since } = &mut state.bus.status {
        later(since);
    }
    for node in state.nodes.values_mut() {
        if let NodeStatus::Requested { since } = &mut node.status {
            later(since);
        }
        match &mut node.collection {
            Collection::Requested { since }
            | Collection::StopRequested { since }
            | Collection::Stopped { since } => later(since),
            Collection::Absent | Collection::Running => {}
        }
        match &mut node.client {
            Client::Requested { since } | Client::Failed { since, .. } => later(since),
            Client::Absent | Client::Connected => {}
        }
    }
    for instance in state.deployment.iter_mut().flat_map(|d| d.instances.values_mut()) {
        match &mut instance.status {
            InstanceStatus::Requested { since }
            | InstanceStatus::Launched { since }
            | InstanceStatus::StopRequested { since } => later(since),
            InstanceStatus::Joined
            | InstanceStatus::Ready { .. }
            | InstanceStatus::Down { .. }
            | InstanceStatus::Stopped => {}
        }
    }
    for trial in state.trials.values_mut() {
        if let TrialStatus::Running(attempt) = &mut trial.status {
            later(&mut attempt.since);
        }
    }
}
