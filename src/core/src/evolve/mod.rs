//! Folding events into state. Total: an event that does not fit becomes an anomaly, never a panic.

mod nodes;
mod search;
mod services;
mod standstill;
mod trials;

use crate::event::{Body, Event};
use crate::state::{Bus, BusStatus, Job, Outcome, State};
use crate::{Timestamp, limits};

/// A problem with an event that does not fit the state it meets.
type Misfit = String;

/// The state after an event.
#[must_use]
pub fn evolve(mut state: State, event: &Event) -> State {
    fold(&mut state, event);
    state
}

/// Folds an event into a state in place.
pub(crate) fn fold(state: &mut State, event: &Event) {
    let expected = state.seq.next();
    if event.seq != expected {
        state.note(
            event.seq,
            &event.body,
            format!("seq {} where {expected} was due", event.seq),
        );
    }
    state.seq = event.seq;
    state.at = Some(event.at);
    if let Some(report) = &event.report {
        let highest = state.reports.entry(report.boot.clone()).or_default();
        *highest = report.counter.max(*highest);
    }
    if let Err(problem) = apply(state, event) {
        state.note(event.seq, &event.body, problem);
    }
}

fn apply(state: &mut State, event: &Event) -> Result<(), Misfit> {
    match &event.body {
        Body::NodeJoined(_)
        | Body::NodeLost(_)
        | Body::NodeLeft(_)
        | Body::NodeGivenUp(_)
        | Body::AgentRequested(_)
        | Body::CollectionRequested(_)
        | Body::CollectionStarted(_)
        | Body::CollectionStopRequested(_)
        | Body::CollectionStopped(_)
        | Body::ClientRequested(_)
        | Body::ClientConnected(_)
        | Body::ClientFailed(_) => nodes::apply(state, event),
        Body::ServiceRequested(_)
        | Body::ServiceLaunched(_)
        | Body::ServiceReady(_)
        | Body::ServiceFailed(_)
        | Body::ServiceStopRequested(_)
        | Body::ServiceExited(_) => services::apply(state, event),
        Body::TrialStarted(_)
        | Body::TrialPrepared(_)
        | Body::LoadStarted(_)
        | Body::TrialStopRequested(_)
        | Body::ShareReported(_)
        | Body::ServiceObserved(_)
        | Body::TrialCompleted(_)
        | Body::TrialFailed(_)
        | Body::TrialInterrupted(_) => trials::apply(state, event),
        _ => apply_to_run(state, event),
    }
}

fn apply_to_run(state: &mut State, event: &Event) -> Result<(), Misfit> {
    match &event.body {
        Body::RunCreated(created) => {
            if state.run.is_some() {
                return Err("the run exists already".to_owned());
            }
            state.run = Some(created.run.clone());
        }
        Body::EpochStarted(started) => start_epoch(state, started.epoch)?,
        Body::RunResumed(resumed) => {
            state.cancel = None;
            state.outcome = state.outcome.take().filter(|_| !resumed.retry_failed);
            trials::resume(state, resumed.retry_failed);
        }
        Body::JobRequested(_) => state.left_to_job = true,
        Body::JobStarted(started) => {
            state.job = Some(Job::new(started));
            state.job_starts = state.job_starts.saturating_add(1);
            trials::count_anew(state);
        }
        Body::TrialPlanned(planned) => search::planned(state, planned)?,
        Body::SearchEnded(ended) => search::ended(state, ended)?,
        Body::JobEnding(ending) => state.ending = Some(ending.clone()),
        Body::RunPaused(paused) => state.paused = Some(paused.clone()),
        Body::RunSuspended(suspended) => standstill::shift(state, suspended.seconds),
        Body::PhaseEntered(entered) => state.phase = Some(entered.phase),
        Body::FileSystemProbed(probed) => state.lookups_cached = probed.lookups_cached,
        Body::BusRequested(requested) => {
            state.bus.launches = requested.launch;
            state.bus.status = BusStatus::Requested { since: event.at };
        }
        Body::BusStarted(started) => {
            state.bus.answered = true;
            state.bus.status = BusStatus::Up {
                url: started.url.clone(),
                since: event.at,
            };
        }
        Body::BusExited(exited) => {
            let up = match state.bus.status {
                BusStatus::Up { since, .. } => Some(since),
                _ => None,
            };
            state.bus.losses = losses(state.bus.losses, up, event.at);
            state.bus.status = BusStatus::Down {
                reason: exited.reason.clone(),
            }
        }
        Body::CancelRequested(cancel) => state.cancel = Some(cancel.clone()),
        Body::StateVerified(verified) => state.verified = Some(verified.clone()),
        Body::RunCompleted(end) => end_run(
            state,
            Outcome::Completed {
                exit_code: end.exit_code,
            },
        )?,
        Body::RunFailed(end) => {
            end_run(
                state,
                Outcome::Failed {
                    exit_code: end.exit_code,
                    reason: end.reason.clone(),
                },
            )?;
        }
        Body::RunCancelled(end) => {
            end_run(
                state,
                Outcome::Cancelled {
                    exit_code: end.exit_code,
                    reason: end.reason.clone(),
                },
            )?;
        }
        Body::Unreadable(unreadable) if unreadable.problem.is_empty() => {
            return Err("this type is not known here".to_owned());
        }
        Body::Unreadable(unreadable) => return Err(unreadable.problem.clone()),
        // Files, file systems and refusals are part of the history, not of the state.
        _ => {}
    }
    Ok(())
}

/// One loss more of something that was up since then, if it was; what was steady is lost for the first time.
fn losses(before: u32, up: Option<Timestamp>, now: Timestamp) -> u32 {
    match up {
        Some(since) if now.seconds_since(since) >= limits::STEADY_SECONDS => 1,
        _ => before.saturating_add(1),
    }
}

/// What belonged to the former writer's processes is gone with them.
fn start_epoch(state: &mut State, epoch: crate::Epoch) -> Result<(), Misfit> {
    let fits = epoch > state.epoch;
    state.epoch = epoch;
    state.phase = None;
    state.job = None;
    state.ending = None;
    state.left_to_job = false;
    state.paused = None;
    state.bus = Bus::default();
    state.nodes.clear();
    state.deployment = None;
    state.verified = None;
    if fits {
        Ok(())
    } else {
        Err("epochs must rise".to_owned())
    }
}

fn end_run(state: &mut State, outcome: Outcome) -> Result<(), Misfit> {
    if state.outcome.is_some() {
        return Err("the run has ended already".to_owned());
    }
    state.outcome = Some(outcome);
    Ok(())
}
