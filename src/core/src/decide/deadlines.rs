//! What is overdue.

use super::attempts::{conclude, stop_active};
use super::draft::{DraftRun, LedBy};
use super::job;
use super::losses::{bus_down, lose_node};
use crate::command::Measured;
use crate::event::{BusExited, StopCause, TrialInterrupted};
use crate::state::{
    AttemptState, AttemptStatus, BusStatus, Client, Collection, Instance, InstanceStatus, NodeStatus, State,
};
use crate::{NodeId, Timestamp, TrialId, limits};

/// Gives up on whatever has not kept its time.
pub(super) fn enforce(run: &mut DraftRun<'_>) {
    let lead = run.begin(LedBy::Time);
    let events = run.len();
    job::enforce_time_limit(run);
    enforce_bus(run);
    for (node, reason) in overdue_nodes(run.state(), run.now) {
        run.begin(LedBy::Time);
        lose_node(run, &node, &reason);
    }
    if let Some((id, attempt)) = run.state().active() {
        let (id, attempt) = (id.clone(), attempt.clone());
        run.begin(LedBy::Time);
        enforce_attempt(run, id, &attempt);
    }
    if run.len() == events {
        run.begin(lead);
    }
}

fn enforce_bus(run: &mut DraftRun<'_>) {
    let BusStatus::Requested { since } = run.state().bus.status else {
        return;
    };
    if late(since, run.now, limits::BUS_SECONDS) {
        let reason = format!("it did not answer within {} s", limits::BUS_SECONDS);
        // It is refused only where no bus was asked for.
        let _ = bus_down(run, BusExited { reason });
    }
}

fn late(since: Timestamp, now: Timestamp, limit: f64) -> bool {
    now.seconds_since(since) > limit
}

fn overdue_nodes(state: &State, now: Timestamp) -> Vec<(NodeId, String)> {
    let mut overdue = Vec::new();
    let late_files = if state.lookups_cached {
        limits::LATE_FILES_SECONDS
    } else {
        0.0
    };
    let join = limits::JOIN_SECONDS + late_files;
    for (id, node) in &state.nodes {
        let reason = match &node.status {
            NodeStatus::Requested { since } if late(*since, now, join) => {
                Some(format!("its agent did not report for duty within {join} s"))
            }
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
    let within = |instance: &Instance| {
        let service = state.outline.services.get(instance.service);
        service.map_or((0.0, 0.0), |service| {
            (service.outfit_within, service.ready_within)
        })
    };
    deployment
        .instances
        .iter()
        .filter(|(_, i)| i.node == *id)
        .find_map(|(name, instance)| {
            let (since, limit, what) = match instance.status {
                InstanceStatus::Requested { since } => {
                    let (outfit, ready) = within(instance);
                    let limit = outfit + ready + limits::READY_GRACE_SECONDS;
                    (since, limit, "become ready or fail")
                }
                InstanceStatus::Launched { since } => {
                    let (_, ready) = within(instance);
                    let limit = ready + limits::READY_GRACE_SECONDS;
                    (since, limit, "become ready or fail")
                }
                InstanceStatus::StopRequested { since } => (since, limits::SERVICE_STOP_SECONDS, "stop"),
                _ => return None,
            };
            late(since, now, limit).then(|| format!("service {name} did not {what} within {limit} s"))
        })
}

fn enforce_attempt(run: &mut DraftRun<'_>, id: TrialId, attempt: &AttemptState) {
    let now = run.now;
    let is_late = |limit| late(attempt.since, now, limit);
    let (limit, reason) = match attempt.status {
        AttemptStatus::Preparing => (limits::PREPARE_SECONDS, "the clients were not ready"),
        AttemptStatus::Loading => {
            let within = run.state().trial_outline(&id).and_then(|trial| trial.load_within);
            let limit = within.map_or(f64::INFINITY, |within| within + limits::LOAD_GRACE_SECONDS);
            (limit, "the load did not end")
        }
        AttemptStatus::Stopping => (limits::STOP_GRACE_SECONDS, "it did not hand in its share"),
    };
    let reason = format!("{reason} within {limit} s");
    if attempt.is_over() {
        if is_late(limit + limits::MEASURE_SECONDS) {
            give_up(run, id, attempt);
        }
    } else if is_late(limit) {
        if attempt.status != AttemptStatus::Stopping {
            return stop_active(run, StopCause::Interruption { reason });
        }
        let silent = attempt.shares.iter().filter(|(_, share)| share.is_due());
        for (node, _) in silent {
            run.begin(LedBy::Time);
            lose_node(run, node, &reason);
        }
    }
}

/// Nobody puts the shares together: the attempt ends with what it was stopped for, if it was.
fn give_up(run: &mut DraftRun<'_>, trial: TrialId, state: &AttemptState) {
    let attempt = state.attempt;
    let reason = "the clients' shares were not put together in time".to_owned();
    if state.stop.is_none() {
        run.emit(TrialInterrupted {
            trial,
            attempt,
            reason,
        });
        return;
    }
    let measured = Measured {
        trial,
        attempt,
        result: Err(reason),
        log_tail: Vec::new(),
    };
    // It is refused only where the attempt is not under way.
    let _ = conclude(run, measured);
}
