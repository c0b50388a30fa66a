//! The batch job that a run lives in: its beginning, its time, its end.

use hpcbench_recipes::recipe::OnNodeLoss;

use super::attempts::stop_active;
use super::draft::{DraftRun, LedBy};
use super::resume;
use crate::command::{Submission, Submitted};
use crate::event::{
    Afterwards, Body, JobEnding, JobStarted, NodeGivenUp, RunPaused, StopCause, TrialInterrupted,
};
use crate::outline::{ServiceOutline, TrialOutline};
use crate::state::{Job, Node, State};
use crate::{NodeId, Role, Timestamp};

/// The run is left to a job: whoever asks for it does nothing more.
pub(super) fn submit(run: &mut DraftRun<'_>, submission: Submission) -> Result<(), String> {
    match submission.run {
        Submitted::New(created) if run.state().run.is_none() => run.emit(created),
        Submitted::New(_) => return Err("the run exists already".to_owned()),
        Submitted::Resumed(resumed) => resume(run, resumed)?,
    }
    run.emit(submission.job);
    Ok(())
}

/// A job goes on with the run, or the run finds itself in one.
pub(super) fn started(run: &mut DraftRun<'_>, started: JobStarted) -> Result<(), String> {
    if run.state().job.is_some() {
        return Err("the run lives in a job already".to_owned());
    }
    if run.state().phase.is_none() {
        // Before the new start, so that it does not count as one of the new job's interruptions.
        interrupt_active(run, "the job before this one ended before it did");
        run.begin(LedBy::Cause);
    }
    run.emit(started);
    Ok(())
}

/// The batch system ends the job: in order as long as there is time for it.
pub(super) fn ending(run: &mut DraftRun<'_>, reason: String, at_once: bool) {
    if run
        .state()
        .ending
        .as_ref()
        .is_some_and(|earlier| earlier.at_once || !at_once)
    {
        return;
    }
    let afterwards = if at_once {
        // Whoever ends it knows whether it is to be started again.
        Afterwards::Wait
    } else {
        repeated(run.state(), run.state().outline.policy.on_time_limit)
    };
    run.emit(JobEnding {
        reason: reason.clone(),
        at_once,
        afterwards,
    });
    if at_once {
        interrupt_active(run, &reason);
        run.emit(RunPaused {
            exit_code: 1,
            reason,
            afterwards,
        });
    } else {
        let reason = format!("its job ends: {reason}");
        stop_active(run, StopCause::Interruption { reason });
    }
}

fn interrupt_active(run: &mut DraftRun<'_>, reason: &str) {
    if let Some((trial, attempt)) = run.state().active() {
        let interrupted = TrialInterrupted {
            trial: trial.clone(),
            attempt: attempt.attempt,
            reason: reason.to_owned(),
        };
        run.emit(interrupted);
    }
}

/// The time at which the run winds down has come. The batch system's own signal may be a minute late.
pub(super) fn enforce_time_limit(run: &mut DraftRun<'_>) {
    let state = run.state();
    let is_up = state
        .job
        .as_ref()
        .is_some_and(|job| job.seconds_left(run.now) == Some(0.0));
    if is_up && !state.is_ending() {
        ending(run, "its time limit is near".to_owned(), false);
    }
}

/// A trial that its job has no time for is left to the next job.
pub(super) fn no_time_for(state: &State, trial: &TrialOutline, now: Timestamp) -> Option<Body> {
    let left = state.job.as_ref()?.seconds_left(now)?;
    if left >= trial.load_at_least {
        return None;
    }
    let reason = format!(
        "trial {} takes {:.0} s at least, and {left:.0} s are left before the run has to wind down",
        trial.id, trial.load_at_least
    );
    let ending = JobEnding {
        reason,
        at_once: false,
        afterwards: repeated(state, state.outline.policy.on_time_limit),
    };
    Some(ending.into())
}

/// What is wanted, unless it would be done for ever, or nobody would do it: a job that has settled no trial is not repeated, nor one
/// that was not made for the run.
fn repeated(state: &State, wanted: Afterwards) -> Afterwards {
    let is_worth_it = |job: &Job| job.settled > 0 && !job.by_hand;
    if state.job.as_ref().is_some_and(is_worth_it) && state.job_starts < state.outline.policy.most_starts {
        wanted
    } else {
        Afterwards::Wait
    }
}

/// A node was lost once more: the run goes on without it, or its job makes room for another one, as the recipe says. Where
/// neither can be, the run fails, which the state says by itself.
pub(super) fn node_cannot_be_had(run: &mut DraftRun<'_>, node: &NodeId) {
    let state = run.state();
    let Some((lost, _)) = state.lost_for_good().filter(|(lost, _)| *lost == node) else {
        return;
    };
    let (lost, reason) = (
        lost.clone(),
        state.failure().map(|(_, reason)| reason).unwrap_or_default(),
    );
    let wanted = state.outline.policy.on_node_loss;
    if wanted == OnNodeLoss::Continue && others_are_left(state, &lost) {
        run.emit(NodeGivenUp { node: lost, reason });
    } else if state.job.is_some() && !state.is_leaving() {
        let afterwards = match wanted {
            OnNodeLoss::Requeue => repeated(state, Afterwards::Requeue),
            OnNodeLoss::Continue | OnNodeLoss::Stop => Afterwards::Wait,
        };
        // An attempt that goes on without the node is one that has no use for it: it may end in order.
        run.emit(JobEnding {
            reason,
            at_once: false,
            afterwards,
        });
    }
}

/// Whether every trial to come has a service and a client without this node.
fn others_are_left(state: &State, node: &NodeId) -> bool {
    let stays = |other: &NodeId| other != node && !state.nodes.get(other).is_some_and(Node::is_given_up);
    // An instance needs all of its nodes.
    let serves = |service: &ServiceOutline| {
        service.units().iter().any(|unit| {
            let mut nodes = unit.iter().filter_map(|id| service.instances.get(*id));
            nodes.all(stays)
        })
    };
    let can_be_had = |trial: &TrialOutline| match state.outline.nodes.get(node) {
        Some(Role::Server) => state.outline.services.get(trial.service).is_some_and(serves),
        Some(Role::Client) => trial.clients.iter().any(stays),
        Some(Role::Orchestrator) | None => false,
    };
    state.unsettled().all(can_be_had)
}
