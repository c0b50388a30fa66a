//! Events of service instances.

use std::collections::BTreeMap;

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
            take_down(launched(state, &e.instance, e.launch)?, down);
            forget_endpoints(state);
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
            match instance.status {
                InstanceStatus::StopRequested { .. } if e.expected => {
                    instance.status = InstanceStatus::Stopped;
                }
                _ => take_down(instance, down),
            }
            forget_endpoints(state);
        }
        _ => {}
    }
    Ok(())
}

/// A service that failed to become ready is ended by its supervisor: the first reason stands.
fn take_down(instance: &mut Instance, down: InstanceStatus) {
    if instance.may_run() {
        instance.status = down;
        instance.failures = instance.failures.saturating_add(1);
    }
}

fn request(state: &mut State, requested: &ServiceRequested, event: &Event) {
    let former = state.deployment.take();
    let mut deployment = match former {
        Some(same) if same.service == requested.service => same,
        other => Deployment {
            service: requested.service,
            instances: BTreeMap::new(),
            launches: other.map(|other| other.launches).unwrap_or_default(),
        },
    };
    let id = &requested.instance;
    let instance = Instance {
        node: requested.node.clone(),
        launches: requested.launch,
        failures: deployment.instances.get(id).map_or(0, |known| known.failures),
        status: InstanceStatus::Requested { since: event.at },
    };
    deployment.instances.insert(id.clone(), instance);
    deployment.launches.insert(id.clone(), requested.launch);
    state.deployment = Some(deployment);
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
