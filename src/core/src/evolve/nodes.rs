//! Events of nodes.

use super::Misfit;
use crate::event::{AgentRequested, Body, Event, NodeJoined, NodeLost};
use crate::state::{
    Client, Collection, InstanceStatus, Node, NodeStatus, Observation, Share, State, TrialStatus,
};
use crate::{NodeId, Timestamp};

pub(super) fn apply(state: &mut State, event: &Event) -> Result<(), Misfit> {
    match &event.body {
        Body::AgentRequested(requested) => request(state, requested, event.at),
        Body::NodeJoined(joined) => return join(state, joined, event.at),
        Body::NodeLost(lost) => return lose(state, lost, event.at),
        Body::NodeLeft(left) => known(state, &left.node)?.status = NodeStatus::Left,
        Body::NodeGivenUp(given_up) => {
            let reason = given_up.reason.clone();
            known(state, &given_up.node)?.status = NodeStatus::GivenUp { reason };
        }
        Body::CollectionRequested(e) => {
            known(state, &e.node)?.collection = Collection::Requested { since: event.at };
        }
        // Words may cross orders: one that is no longer asked for changes nothing.
        Body::CollectionStarted(e) => {
            let collection = &mut known(state, &e.node)?.collection;
            if matches!(collection, Collection::Requested { .. }) {
                *collection = Collection::Running;
            }
        }
        Body::CollectionStopRequested(e) => {
            known(state, &e.node)?.collection = Collection::StopRequested { since: event.at };
        }
        Body::CollectionStopped(e) => {
            known(state, &e.node)?.collection = Collection::Stopped { since: event.at };
        }
        Body::ClientRequested(e) => known(state, &e.node)?.client = Client::Requested { since: event.at },
        Body::ClientConnected(e) => answer(known(state, &e.node)?, Client::Connected),
        Body::ClientFailed(e) => {
            let reason = e.reason.clone();
            let since = event.at;
            answer(known(state, &e.node)?, Client::Failed { since, reason });
        }
        _ => {}
    }
    Ok(())
}

fn answer(node: &mut Node, client: Client) {
    if matches!(node.client, Client::Requested { .. }) {
        node.client = client;
    }
}

fn known<'a>(state: &'a mut State, node: &NodeId) -> Result<&'a mut Node, Misfit> {
    state
        .nodes
        .get_mut(node)
        .ok_or_else(|| format!("node {node} was never asked for"))
}

fn request(state: &mut State, requested: &AgentRequested, at: Timestamp) {
    let node = Node {
        role: requested.role,
        launches: requested.launch,
        losses: state.nodes.get(&requested.node).map_or(0, |known| known.losses),
        is_unreached: state
            .nodes
            .get(&requested.node)
            .is_none_or(|known| known.is_unreached),
        status: NodeStatus::Requested { since: at },
        collection: Collection::Absent,
        client: Client::Absent,
        link: None,
    };
    state.nodes.insert(requested.node.clone(), node);
}

fn join(state: &mut State, joined: &NodeJoined, at: Timestamp) -> Result<(), Misfit> {
    let node = known(state, &joined.node)?;
    let fits = matches!(node.status, NodeStatus::Requested { .. });
    let facts = &joined.facts;
    node.link = facts
        .address
        .as_ref()
        .zip(facts.link_port)
        .map(|(address, port)| socket(address, port));
    node.is_unreached = false;
    node.status = NodeStatus::Joined {
        boot: joined.boot.clone(),
        since: at,
    };
    if fits {
        Ok(())
    } else {
        Err(format!("node {} had not been asked to join", joined.node))
    }
}

/// An address and a port; an IPv6 address in brackets.
fn socket(address: &str, port: u16) -> String {
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

/// With a node go its service instances and its share of the attempt under way.
fn lose(state: &mut State, lost: &NodeLost, at: Timestamp) -> Result<(), Misfit> {
    let node = known(state, &lost.node)?;
    let joined = match node.status {
        NodeStatus::Joined { since, .. } => Some(since),
        _ => None,
    };
    node.losses = super::losses(node.losses, joined, at);
    node.status = NodeStatus::Lost {
        since: at,
        reason: lost.reason.clone(),
    };
    let instances = state.deployment.iter_mut().flat_map(|d| d.instances.values_mut());
    for instance in instances.filter(|i| i.node == lost.node && i.may_run()) {
        instance.status = InstanceStatus::Down {
            since: at,
            reason: format!("node {} was lost: {}", lost.node, lost.reason),
            log_tail: Vec::new(),
        };
    }
    for trial in state.trials.values_mut() {
        let TrialStatus::Running(attempt) = &mut trial.status else {
            continue;
        };
        if let Some(share) = attempt.shares.get_mut(&lost.node)
            && !matches!(share, Share::Reported(_))
        {
            *share = Share::Lost;
        }
        if let Some(due @ Observation::Due) = attempt.observers.get_mut(&lost.node) {
            *due = Observation::Lost;
        }
    }
    forget_endpoints(state);
    Ok(())
}

/// A trial failed because clients could not reach the service: for the next one they try again.
pub(super) fn forget_failures(state: &mut State) {
    for node in state.nodes.values_mut() {
        if matches!(node.client, Client::Failed { .. }) {
            node.client = Client::Absent;
        }
    }
}

/// After a change of the endpoints the clients have to try them anew.
pub(super) fn forget_endpoints(state: &mut State) {
    for node in state.nodes.values_mut() {
        node.client = Client::Absent;
    }
}
