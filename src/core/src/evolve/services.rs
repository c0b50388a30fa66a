//! Events of service instances.

use super::Misfit;
use super::nodes::forget_endpoints;
use crate::InstanceId;
use crate::event::{Body, Event, ServiceRequested};
use crate::state::{Deployment, Instance, InstanceStatus, State};

pub(super) fn apply(state: &mut State, event: &Event) -> Result<(), Misfit> {
    match &event.body {
        Body::ServiceRequested(requested) => request(state, requested, event),
        Body::ServiceLaunched(e) => {
            let instance = launched(state, &e.instance, e.launch)?;
            if let InstanceStatus::Requested { since } = instance.status {
                instance.status = InstanceStatus::Launched { since };
            }
        }
        Body::ServiceReady(e) => {
            launched(state, &e.instance, e.launch)?.status = InstanceStatus::Ready {
                endpoints: e.endpoints.clone(),
            };
            forget_endpoints(state);
        }
        Body::ServiceFailed(e) => {
            launched(state, &e.instance, e.launch)?.status = InstanceStatus::Down {
                since: event.at,
                reason: e.reason.clone(),
                log_tail: e.log_tail.clone(),
            };
        }
        Body::ServiceStopRequested(e) => {
            launched(state, &e.instance, e.launch)?.status =
                InstanceStatus::StopRequested { since: event.at };
        }
        Body::ServiceExited(e) => {
            let down = InstanceStatus::Down {
                since: event.at,
                reason: format!("it ended with {}", e.how),
                log_tail: e.log_tail.clone(),
            };
            let instance = launched(state, &e.instance, e.launch)?;
            // A service that failed to become ready is ended by its supervisor: the first reason stands.
            if instance.may_run() {
                instance.status = if e.expected { InstanceStatus::Stopped } else { down };
            }
            forget_endpoints(state);
        }
        _ => {}
    }
    Ok(())
}

fn request(state: &mut State, requested: &ServiceRequested, event: &Event) {
    let same = state
        .deployment
        .as_ref()
        .is_some_and(|d| d.service == requested.service);
    if !same {
        let service = requested.service;
        state.deployment = Some(Deployment {
            service,
            instances: std::collections::BTreeMap::new(),
        });
    }
    if let Some(deployment) = &mut state.deployment {
        let instance = Instance {
            node: requested.node.clone(),
            launches: requested.launch,
            status: InstanceStatus::Requested { since: event.at },
        };
        deployment.instances.insert(requested.instance.clone(), instance);
    }
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
