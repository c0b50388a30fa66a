//! What is gone, and what goes with it.

use super::attempts::stop_active;
use super::draft::DraftRun;
use super::job;
use crate::event::{BusExited, NodeLeft, NodeLost, StopCause};
use crate::state::{BusStatus, Collection, Share};
use crate::{NodeId, Phase};

/// A node is gone, and with it whatever ran there.
pub(super) fn lose_node(run: &mut DraftRun<'_>, node: &NodeId, reason: &str) {
    let takes_part = run
        .state()
        .active()
        .is_some_and(|(_, attempt)| attempt.shares.get(node).is_some_and(Share::is_due));
    let serves = run
        .state()
        .deployment
        .iter()
        .flat_map(|d| d.instances.values())
        .any(|i| i.node == *node && i.may_run());
    run.emit(NodeLost {
        node: node.clone(),
        reason: reason.to_owned(),
    });
    if takes_part || serves {
        let reason = format!("node {node} was lost: {reason}");
        stop_active(run, StopCause::Interruption { reason });
    }
    job::node_cannot_be_had(run, node);
}

/// An agent's process ended: in order only when its logs were complete at the end of the run.
pub(super) fn agent_ended(run: &mut DraftRun<'_>, node: &NodeId, launch: u32, how: &str) {
    let Some(known) = run.state().nodes.get(node) else {
        return;
    };
    if known.launches != launch || known.is_gone() {
        return;
    }
    let in_order =
        run.state().phase == Some(Phase::Teardown) && matches!(known.collection, Collection::Stopped { .. });
    if in_order {
        run.emit(NodeLeft { node: node.clone() });
    } else {
        lose_node(run, node, &format!("its agent ended: {how}"));
    }
}

/// Without a bus no agent can be reached: if it cannot be had again, they all count as lost.
pub(super) fn bus_down(run: &mut DraftRun<'_>, down: BusExited) -> Result<(), String> {
    if !matches!(
        run.state().bus.status,
        BusStatus::Requested { .. } | BusStatus::Up { .. }
    ) {
        return Err("there is no bus".to_owned());
    }
    run.emit(down);
    let Some((_, reason)) = run.state().failure() else {
        return Ok(());
    };
    let nodes = run.state().nodes.iter().filter(|(_, node)| !node.is_gone());
    let nodes: Vec<NodeId> = nodes.map(|(id, _)| id.clone()).collect();
    for node in nodes {
        lose_node(run, &node, &reason);
    }
    Ok(())
}
