//! Events of service instances.

use std::sync::Arc;

use super::Misfit;
use super::nodes::forget_endpoints;
use crate::InstanceId;
use crate::event::{Body, Event, ServiceRequested};
use crate::state::{Instance, InstanceStatus, State};

pub(super) fn apply(state: &mut State, event: &Event) -> Result<(), Misfit> {
    match &event.body {
        Body::ServiceRequested(requested) => request(state, requested, event),
        Body::ServiceLaunched(e) => {
            let instance = launched(state, &e.instance, e.launch)?;
            instance.rendezvous.clone_from(&e.rendezvous);
            if let InstanceStatus::Requested { .. } = instance.status {
                instance.status = if instance.part_of.is_some() {
                    InstanceStatus::Joined
                } else {
                    InstanceStatus::Launched { since: event.at }
                };
            }
        }
        Body::ServiceReady(e) => {
            let instance = launched(state, &e.instance, e.launch)?;
            // Readiness may cross the order to stop: it stops all the same.
            if instance.is_starting() {
                instance.status = InstanceStatus::Ready {
                    endpoints: e.endpoints.clone(),
                };
                forget_endpoints(state);
            }
        }
        Body::ServiceFailed(e) => {
            let down = InstanceStatus::Down {
                since: event.at,
                reason: e.reason.clone(),
                log_tail: e.log_tail.clone(),
            };
            launched(state, &e.instance, e.launch)?;
            take_down(state, &e.instance, down);
            forget_endpoints(state);
        }
        Body::ServiceStopRequested(e) => {
            launched(state, &e.instance, e.launch)?.status =
                InstanceStatus::StopRequested { since: event.at };
        }
        Body::ServiceExited(e) => {
            let down = InstanceStatus::Down {
                since: event.at,
                reason: format!("it ended with {}", e.in_words()),
                log_tail: e.log_tail.clone(),
            };
            let instance = launched(state, &e.instance, e.launch)?;
            match instance.status {
                InstanceStatus::StopRequested { .. } if e.expected => {
                    instance.status = InstanceStatus::Stopped;
                }
                _ => take_down(state, &e.instance, down),
            }
            forget_endpoints(state);
        }
        _ => {}
    }
    Ok(())
}

/// A service that failed to become ready is ended by its supervisor: the first reason stands. Where one process takes the others
/// of its instance with it, that is one failure.
fn take_down(state: &mut State, id: &InstanceId, down: InstanceStatus) {
    let at_hand = state.service_at_hand();
    let outline = Arc::clone(&state.outline);
    let Some(deployment) = &mut state.deployment else {
        return;
    };
    let head_id = deployment.accountable(id);
    let is_first = deployment
        .processes(&head_id)
        .all(|(_, known)| !matches!(known.status, InstanceStatus::Down { .. }));
    let Some(instance) = deployment.instances.get_mut(id).filter(|known| known.may_run()) else {
        return;
    };
    instance.status = down;
    if let Some(head) = deployment.instances.get_mut(&head_id).filter(|_| is_first) {
        // One that stayed for another configuration has failed under that one, for the first time.
        let has_it = |service: &usize| {
            let service = outline.services.get(*service);
            service.is_some_and(|service| service.instances.contains_key(&head_id))
        };
        let under =
            at_hand.filter(|service| outline.have_same_setup(*service, head.service) && has_it(service));
        let former = under.map_or(head.service, |under| std::mem::replace(&mut head.service, under));
        let before = if head.service == former { head.failures } else { 0 };
        head.failures = before.saturating_add(1);
    }
}

fn request(state: &mut State, requested: &ServiceRequested, event: &Event) {
    let outline = &state.outline;
    let deployment = state.deployment.get_or_insert_default();
    // Others have ended.
    deployment
        .instances
        .retain(|_, known| outline.have_same_setup(known.service, requested.service));
    let id = &requested.instance;
    let part_of = requested.rank.as_ref().map(|rank| &rank.head);
    let part_of = part_of.filter(|head| *head != id).cloned();
    if part_of.is_none() {
        // The instance begins anew, and so do its other processes.
        deployment
            .instances
            .retain(|_, known| known.part_of.as_ref() != Some(id));
    }
    let former = deployment.instances.get(id);
    let same = former.filter(|known| known.service == requested.service);
    let instance = Instance {
        service: requested.service,
        node: requested.node.clone(),
        launches: requested.launch,
        failures: same.map_or(0, |known| known.failures),
        status: InstanceStatus::Requested { since: event.at },
        part_of,
        rendezvous: None,
    };
    deployment.instances.insert(id.clone(), instance);
    deployment.launches.insert(id.clone(), requested.launch);
}

/// The instance, if the event speaks of its latest start.
fn launched<'a>(state: &'a mut State, id: &InstanceId, launch: u32) -> Result<&'a mut Instance, Misfit> {
    let instance = state.deployment.as_mut().and_then(|d| d.instances.get_mut(id));
    match instance {
        Some(instance) if instance.launches == launch => Ok(instance),
        Some(instance) => Err(format!(
            "start {launch} of {id} is not its latest, {}",
            instance.launches
        )),
        None => Err(format!("instance {id} was never asked for")),
    }
}
