//! Getting the service of a trial up, and another one down before.

use std::collections::BTreeSet;

use super::advance::{Step, fail, is_in, phase_if};
use crate::event::{Body, ServiceRank, ServiceRequested, ServiceStopRequested};
use crate::outline::{ServiceOutline, TrialOutline};
use crate::state::{Deployment, Instance, InstanceStatus, State};
use crate::{InstanceId, Phase, Timestamp};

/// What a service has no use for has to go first: other processes than its own, and those on nodes that it does not have.
pub(super) fn retire(state: &State, service: usize) -> Step {
    let Some(deployment) = &state.deployment else {
        return Step::Done;
    };
    let leaving = leaving(state, deployment, service);
    match stop_first(leaving.iter().copied()) {
        Some(body) => Step::event(body),
        None if leaving.is_empty() => Step::Done,
        None => Step::Wait,
    }
}

/// The processes that may run and do not stay for this service. An instance of another configuration stays if it is up as a whole,
/// and would be started just so.
fn leaving<'a>(
    state: &State,
    deployment: &'a Deployment,
    service: usize,
) -> Vec<(&'a InstanceId, &'a Instance)> {
    let wanted = state.outline.services.get(service);
    let is_wanted = |id: &InstanceId, known: &Instance| {
        let node = wanted.and_then(|wanted| wanted.instances.get(id));
        state.outline.have_same_setup(known.service, service) && node == Some(&known.node)
    };
    let others = || {
        deployment
            .instances
            .iter()
            .filter(|(id, known)| known.service != service || !is_wanted(id, known))
    };
    let broken: BTreeSet<&InstanceId> = others()
        .filter(|(id, known)| !known.is_up() || !is_wanted(id, known))
        .map(|(id, known)| known.head(id))
        .collect();
    others()
        .filter(|(id, known)| known.may_run() && broken.contains(known.head(id)))
        .collect()
}

/// Asks the next process that may be running to stop.
pub(super) fn stop_next(deployment: &Deployment) -> Option<Body> {
    stop_first(deployment.instances.iter())
}

fn stop_first<'a>(mut processes: impl Iterator<Item = (&'a InstanceId, &'a Instance)>) -> Option<Body> {
    processes.find_map(|(id, known)| match known.status {
        InstanceStatus::Requested { .. }
        | InstanceStatus::Launched { .. }
        | InstanceStatus::Joined
        | InstanceStatus::Ready { .. } => Some(
            ServiceStopRequested {
                instance: id.clone(),
                launch: known.launches,
            }
            .into(),
        ),
        _ => None,
    })
}

/// Starts whatever of the service is not there yet.
pub(super) fn deploy(state: &State, trial: &TrialOutline, service: &ServiceOutline, now: Timestamp) -> Step {
    let units: Vec<Unit<'_>> = service
        .units()
        .into_iter()
        .map(|ids| Unit {
            state,
            trial,
            service,
            ids,
        })
        .filter(Unit::is_in)
        .collect();
    if units.iter().all(Unit::is_up) {
        return Step::Done;
    }
    if let Step::Do(body) = phase_if(state, true, Phase::Deploy) {
        return Step::Do(body);
    }
    let mut steps = units.iter().map(|unit| unit.step(now));
    steps
        .find(|step| matches!(step, Step::Do(_)))
        .unwrap_or(Step::Wait)
}

/// Processes that serve together: those of an instance. The first one answers.
struct Unit<'a> {
    state: &'a State,
    trial: &'a TrialOutline,
    service: &'a ServiceOutline,
    ids: Vec<&'a InstanceId>,
}

impl<'a> Unit<'a> {
    /// Whether the run goes on with all of its nodes: one process less, and the others are of no use.
    fn is_in(&self) -> bool {
        let mut nodes = self.ids.iter().filter_map(|id| self.service.instances.get(*id));
        nodes.all(|node| is_in(self.state, node))
    }

    fn known(&self, id: &InstanceId) -> Option<&'a Instance> {
        let known = self.state.deployment.as_ref()?.instances.get(id)?;
        let outline = &self.state.outline;
        outline
            .have_same_setup(known.service, self.trial.service)
            .then_some(known)
    }

    /// How often it failed under this configuration.
    fn failures(&self, head: &InstanceId) -> u32 {
        let known = self
            .known(head)
            .filter(|known| known.service == self.trial.service);
        known.map_or(0, |known| known.failures)
    }

    /// The processes that were asked for since the first one was.
    fn all_known(&self) -> impl Iterator<Item = (&'a InstanceId, &'a Instance)> {
        self.ids.iter().filter_map(|id| Some((*id, self.known(id)?)))
    }

    fn is_up(&self) -> bool {
        self.ids
            .iter()
            .all(|id| self.known(id).is_some_and(Instance::is_up))
    }

    fn step(&self, now: Timestamp) -> Step {
        let Some((head, others)) = self.ids.split_first() else {
            return Step::Done;
        };
        if self.all_known().any(|(_, known)| !known.may_run()) {
            return self.begin_anew(head, now);
        }
        let Some(first) = self.known(head) else {
            return self.request(head, 0);
        };
        // The others are told where the first one is found.
        if first.rendezvous.is_none() {
            return Step::Wait;
        }
        let missing = (1u32..).zip(others).find(|(_, id)| self.known(id).is_none());
        missing.map_or(Step::Wait, |(index, id)| self.request(id, index))
    }

    /// One process has ended: the others go too, before all are started again.
    fn begin_anew(&self, head: &InstanceId, now: Timestamp) -> Step {
        if let Some(body) = stop_first(self.all_known()) {
            return Step::event(body);
        }
        if self.all_known().any(|(_, known)| known.may_run()) {
            return Step::Wait;
        }
        let Some((id, since, reason, log_tail)) = self.first_down() else {
            return self.request(head, 0);
        };
        let failures = self.failures(head);
        if failures > self.service.restarts {
            let name = self.state.deployment.as_ref().map(|d| d.name(id));
            let name = name.unwrap_or_else(|| id.to_string());
            let reason = format!("service {name} cannot be had: {reason}");
            return Step::event(fail(self.state, self.trial, reason, log_tail));
        }
        if now.seconds_since(since) < backoff(self.service, failures) {
            return Step::Wait;
        }
        self.request(head, 0)
    }

    /// The process that was down first: what the others ended of.
    fn first_down(&self) -> Option<(&'a InstanceId, Timestamp, &'a str, &'a [String])> {
        let down = self.all_known().filter_map(|(id, known)| match &known.status {
            InstanceStatus::Down {
                since,
                reason,
                log_tail,
            } => Some((id, *since, reason.as_str(), log_tail.as_slice())),
            _ => None,
        });
        down.min_by_key(|(_, since, ..)| *since)
    }

    fn request(&self, id: &InstanceId, index: u32) -> Step {
        let Some(node) = self.service.instances.get(id) else {
            return Step::Wait;
        };
        let launches = self.state.deployment.as_ref().and_then(|d| d.launches.get(id));
        Step::event(ServiceRequested {
            service: self.trial.service,
            instance: id.clone(),
            node: node.clone(),
            launch: launches.map_or(1, |launches| launches.saturating_add(1)),
            rank: self.rank(index),
        })
    }

    /// None: it is the only process.
    fn rank(&self, index: u32) -> Option<ServiceRank> {
        let count = u32::try_from(self.ids.len()).ok().filter(|count| *count > 1)?;
        let head = *self.ids.first()?;
        let first = self.known(head).filter(|_| index > 0);
        Some(ServiceRank {
            head: head.clone(),
            index,
            of: count.try_into().ok()?,
            rendezvous: first.and_then(|first| first.rendezvous.clone()),
        })
    }
}

/// Seconds between an instance's end and its next start, after so many failures.
fn backoff(service: &ServiceOutline, failures: u32) -> f64 {
    const LONGEST_SECONDS: f64 = 300.0;
    let Some(doublings) = failures.checked_sub(1) else {
        return 0.0;
    };
    let doublings = i32::try_from(doublings).unwrap_or(i32::MAX);
    (service.restart_backoff * 2f64.powi(doublings)).min(LONGEST_SECONDS)
}
