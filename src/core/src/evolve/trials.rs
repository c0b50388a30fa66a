//! Events of trials.

use std::collections::BTreeMap;

use super::nodes::forget_failures;
use super::{Misfit, search};
use crate::event::{Body, Event, TrialStarted};
use crate::state::{AttemptState, AttemptStatus, Observation, Share, State, Trial, TrialStatus};
use crate::{Attempt, NodeId, Timestamp, TrialId};

pub(super) fn apply(state: &mut State, event: &Event) -> Result<(), Misfit> {
    match &event.body {
        Body::TrialStarted(started) => start(state, started, event.at)?,
        Body::TrialPrepared(e) => {
            let attempt = running(state, &e.trial, e.attempt)?;
            match attempt.shares.get_mut(&e.node) {
                Some(share @ Share::Pending) => *share = Share::Prepared,
                _ => return Err(format!("no word was due from {}", e.node)),
            }
        }
        Body::LoadStarted(e) => progress(state, &e.trial, e.attempt, AttemptStatus::Loading, event.at)?,
        Body::ServiceObserved(e) => {
            let attempt = running(state, &e.trial, e.attempt)?;
            match attempt.observers.get_mut(&e.node) {
                Some(due @ Observation::Due) => *due = Observation::Reported(e.service.clone()),
                _ => return Err(format!("no observation was due from {}", e.node)),
            }
        }
        Body::TrialStopRequested(e) => {
            progress(state, &e.trial, e.attempt, AttemptStatus::Stopping, event.at)?;
            running(state, &e.trial, e.attempt)?.stop = Some(e.cause.clone());
        }
        Body::ShareReported(e) => {
            let attempt = running(state, &e.trial, e.attempt)?;
            match attempt.shares.get_mut(&e.node) {
                Some(share) if share.is_due() => *share = Share::Reported(e.clone()),
                _ => return Err(format!("no share was due from {}", e.node)),
            }
        }
        Body::TrialCompleted(e) => {
            running(state, &e.trial, e.attempt)?;
            settle(
                state,
                &e.trial,
                e.attempt,
                TrialStatus::Completed {
                    verdict: e.summary.verdict.status,
                },
            );
            search::completed(state, e);
        }
        // A trial whose service cannot be had fails without an attempt.
        Body::TrialFailed(e) => {
            settle(
                state,
                &e.trial,
                e.attempt,
                TrialStatus::Failed {
                    reason: e.reason.clone(),
                },
            );
            search::failed(state, e);
            forget_failures(state);
        }
        Body::TrialInterrupted(e) => {
            running(state, &e.trial, e.attempt)?;
            let status = TrialStatus::Interrupted {
                reason: e.reason.clone(),
            };
            let trial = settle(state, &e.trial, e.attempt, status);
            trial.interruptions = trial.interruptions.saturating_add(1);
        }
        _ => {}
    }
    Ok(())
}

fn start(state: &mut State, started: &TrialStarted, at: Timestamp) -> Result<(), Misfit> {
    let other = state.active().map(|(id, _)| id.clone());
    let shares = started
        .clients
        .iter()
        .map(|node| (node.clone(), Share::Pending))
        .collect();
    let attempt = AttemptState {
        attempt: started.attempt,
        status: AttemptStatus::Preparing,
        since: at,
        shares,
        observers: serving(state),
        stop: None,
    };
    settle(
        state,
        &started.trial,
        started.attempt,
        TrialStatus::Running(attempt),
    );
    match other {
        Some(id) => Err(format!("trial {id} was still running")),
        None => Ok(()),
    }
}

/// The nodes whose instances answer, or take part in that.
fn serving(state: &State) -> BTreeMap<NodeId, Observation> {
    let instances = state.deployment.iter().flat_map(|d| d.instances.values());
    let ready = instances.filter(|i| i.is_up());
    ready.map(|i| (i.node.clone(), Observation::Due)).collect()
}

fn settle<'a>(state: &'a mut State, id: &TrialId, attempt: Attempt, status: TrialStatus) -> &'a mut Trial {
    let interruptions = state.trials.get(id).map_or(0, |known| known.interruptions);
    let trial = Trial {
        attempt,
        interruptions,
        status,
    };
    if let Some(job) = &mut state.job
        && trial.is_settled()
    {
        job.settled = job.settled.saturating_add(1);
    }
    state.trials.entry(id.clone()).insert_entry(trial).into_mut()
}

/// What was interrupted gets its full number of attempts again: the end of a job is no trial's fault.
pub(super) fn count_anew(state: &mut State) {
    for trial in state.trials.values_mut() {
        trial.interruptions = 0;
    }
}

/// The run goes on: what was interrupted gets its full number of attempts again, and so does what failed, if it is to be
/// repeated.
pub(super) fn resume(state: &mut State, retry_failed: bool) {
    count_anew(state);
    let mut repeated = Vec::new();
    for (id, trial) in &mut state.trials {
        if let TrialStatus::Failed { reason } = &trial.status
            && retry_failed
        {
            let reason = format!("to be repeated after it failed: {reason}");
            trial.status = TrialStatus::Interrupted { reason };
            repeated.push(id.clone());
        }
    }
    for id in &repeated {
        search::forget(state, id);
    }
}

fn running<'a>(state: &'a mut State, id: &TrialId, number: Attempt) -> Result<&'a mut AttemptState, Misfit> {
    match state.trials.get_mut(id) {
        Some(Trial {
            status: TrialStatus::Running(attempt),
            ..
        }) if attempt.attempt == number => Ok(attempt),
        _ => Err(format!("attempt {number} of trial {id} is not under way")),
    }
}

fn progress(
    state: &mut State,
    id: &TrialId,
    number: Attempt,
    status: AttemptStatus,
    at: Timestamp,
) -> Result<(), Misfit> {
    let attempt = running(state, id, number)?;
    attempt.status = status;
    attempt.since = at;
    Ok(())
}
