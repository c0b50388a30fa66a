//! What is overdue.

use super::attempts::{lose_node, stop_active};
use super::draft::DraftRun;
use crate::event::StopCause;
use crate::state::{AttemptStatus, Client, Collection, InstanceStatus, NodeStatus, Share, State};
use crate::{NodeId, Timestamp, limits};

/// Gives up on whatever has not kept its time.
pub(super) fn enforce(run: &mut DraftRun<'_>) {
    for (node, reason) in overdue_nodes(run.state(), run.now) {
        lose_node(run, node, reason);
    }
    enforce_attempt(run);
}

fn late(since: Timestamp, now: Timestamp, limit: f64) -> bool {
    now.seconds_since(since) > limit
}

fn overdue_nodes(state: &State, now: Timestamp) -> Vec<(NodeId, String)> {
    let mut overdue = Vec::new();
    for (id, node) in &state.nodes {
        let reason = match &node.status {
            NodeStatus::Requested { since } if late(*since, now, limits::JOIN_SECONDS) => Some(format!(
                "its agent did not report for duty within {} s",
                limits::JOIN_SECONDS
            )),
            NodeStatus::Joined { .. } => overdue_work(state, id, now),
            _ => None,
        };
        overdue.extend(reason.map(|reason| (id.clone(), reason)));
    }
    overdue
}

fn overdue_work(state: &State, id: &NodeId, now: Timestamp) -> Option<String> {
    let node = state.nodes.get(id)?;
    match node.collection {
        Collection::Requested { since } | Collection::StopRequested { since }
            if late(since, now, limits::COLLECTION_SECONDS) =>
        {
            return Some(format!(
                "its log collector did not answer within {} s",
                limits::COLLECTION_SECONDS
            ));
        }
        Collection::Stopped { since } if late(since, now, limits::LEAVE_SECONDS) => {
            return Some(format!(
                "its agent did not end within {} s",
                limits::LEAVE_SECONDS
            ));
        }
        _ => {}
    }
    if let Client::Requested { since } = node.client
        && late(since, now, limits::CONNECT_SECONDS)
    {
        return Some(format!(
            "its clients did not answer within {} s",
            limits::CONNECT_SECONDS
        ));
    }
    let deployment = state.deployment.as_ref()?;
    let ready_within = state
        .outline
        .services
        .get(deployment.service)
        .map_or(0.0, |s| s.ready_within);
    deployment
        .instances
        .iter()
        .filter(|(_, i)| i.node == *id)
        .find_map(|(name, instance)| {
            let (since, limit, what) = match instance.status {
                InstanceStatus::Requested { since } | InstanceStatus::Launched { since } => (
                    since,
                    ready_within + limits::READY_GRACE_SECONDS,
                    "become ready or fail",
                ),
                InstanceStatus::StopRequested { since } => (since, limits::SERVICE_STOP_SECONDS, "stop"),
                _ => return None,
            };
            late(since, now, limit).then(|| format!("service {name} did not {what} within {limit} s"))
        })
}

fn enforce_attempt(run: &mut DraftRun<'_>) {
    let Some((id, attempt)) = run.state().active() else {
        return;
    };
    match attempt.status {
        AttemptStatus::Preparing if late(attempt.since, run.now, limits::PREPARE_SECONDS) => {
            let reason = format!("the clients were not ready within {} s", limits::PREPARE_SECONDS);
            stop_active(run, StopCause::Interruption { reason });
        }
        AttemptStatus::Loading => {
            let within = run.state().outline.trial(id).and_then(|trial| trial.load_within);
            let Some(limit) = within.map(|within| within + limits::LOAD_GRACE_SECONDS) else {
                return;
            };
            if late(attempt.since, run.now, limit) {
                let reason = format!("the load did not end within {limit} s");
                stop_active(run, StopCause::Interruption { reason });
            }
        }
        AttemptStatus::Stopping if late(attempt.since, run.now, limits::STOP_GRACE_SECONDS) => {
            let silent: Vec<NodeId> = attempt
                .shares
                .iter()
                .filter(|(_, share)| matches!(share, Share::Pending | Share::Prepared))
                .map(|(node, _)| node.clone())
                .collect();
            for node in silent {
                let reason = format!(
                    "it did not hand in its share within {} s",
                    limits::STOP_GRACE_SECONDS
                );
                lose_node(run, node, reason);
            }
        }
        AttemptStatus::Preparing | AttemptStatus::Stopping => {}
    }
}
