//! What ends an attempt, and what becomes of its trial.

use hpcbench_stats::{TrialSummary, VerdictStatus};

use super::draft::DraftRun;
use crate::command::Measured;
use crate::event::{StopCause, TrialCompleted, TrialFailed, TrialInterrupted, TrialStopRequested};
use crate::state::{AttemptState, AttemptStatus, InstanceStatus, Share, State};
use crate::{Attempt, InstanceId, NodeId, TrialId};

/// Tells the clients to give up, unless they were told already or have all handed in their shares.
pub(super) fn stop_active(run: &mut DraftRun<'_>, cause: StopCause) {
    if let Some((trial, attempt)) = run.state().active()
        && attempt.status != AttemptStatus::Stopping
        && !attempt.is_handed_in()
    {
        let (trial, attempt) = (trial.clone(), attempt.attempt);
        run.emit(TrialStopRequested {
            trial,
            attempt,
            cause,
        });
    }
}

/// The attempt's shares were put together: the trial is settled, or was interrupted.
pub(super) fn conclude(run: &mut DraftRun<'_>, measured: Measured) -> Result<(), String> {
    let Measured {
        trial,
        attempt,
        result,
        log_tail,
    } = measured;
    let state = match run.state().active() {
        Some((id, state)) if *id == trial && state.attempt == attempt => state.clone(),
        _ => return Err(format!("attempt {attempt} of trial {trial} is not under way")),
    };
    let problem = share_problem(&state);
    let stop = state.stop.map(|cause| reconsidered(cause, run.state()));
    let (reason, log_tail) = match (stop, &result, problem) {
        (Some(StopCause::Interruption { reason }), ..) => {
            run.emit(TrialInterrupted {
                trial,
                attempt,
                reason,
            });
            return Ok(());
        }
        (Some(StopCause::Fault { reason, log_tail }), ..) => (reason, log_tail),
        (None, _, Some(problem)) => (problem, log_tail),
        (None, Err(problem), None) => (problem.clone(), log_tail),
        // That requests fail under a load is what a search wants to know.
        (None, Ok(summary), None) if answers_a_search(summary) => {
            complete(run, trial, attempt, result);
            return Ok(());
        }
        (None, Ok(summary), None) if summary.requests.ok == 0 => {
            (nothing_succeeded(&trial, summary), log_tail)
        }
        (None, Ok(summary), None) if is_stuck(summary) => (stuck(&trial, summary), log_tail),
        (None, Ok(_), None) => {
            complete(run, trial, attempt, result);
            return Ok(());
        }
    };
    run.emit(TrialFailed {
        trial,
        attempt,
        reason,
        log_tail,
        summary: result.ok(),
    });
    Ok(())
}

/// A cause as it is seen at the end of the attempt: more may be known of it by then.
fn reconsidered(cause: StopCause, state: &State) -> StopCause {
    match (cause, process_of_a_lost_node(state)) {
        (StopCause::Fault { .. }, Some(reason)) => StopCause::Interruption { reason },
        (StopCause::Fault { reason, log_tail }, None) => StopCause::Fault {
            reason: reason + &followers(state),
            log_tail,
        },
        (cause, _) => cause,
    }
}

/// Why an instance of several nodes ended, if one of its nodes is gone: its processes on the others notice before anybody else does.
fn process_of_a_lost_node(state: &State) -> Option<String> {
    let deployment = state.deployment.as_ref()?;
    let spans = |id: &InstanceId| deployment.processes(&deployment.accountable(id)).nth(1).is_some();
    let is_gone = |node: &NodeId| state.nodes.get(node).is_some_and(|known| !known.is_joined());
    deployment
        .instances
        .iter()
        .find_map(|(id, known)| match &known.status {
            InstanceStatus::Down { reason, .. } if is_gone(&known.node) && spans(id) => Some(reason.clone()),
            _ => None,
        })
}

/// The processes that have ended, unasked, after the first one of their instance: which of them was the cause is not always the one
/// that was heard of first. Empty: there are none.
fn followers(state: &State) -> String {
    let Some(deployment) = &state.deployment else {
        return String::new();
    };
    let heads = deployment.instances.iter();
    let heads = heads.filter(|(_, known)| known.part_of.is_none());
    let told = heads.flat_map(|(head, _)| {
        let down = deployment
            .processes(head)
            .filter_map(|(id, known)| match &known.status {
                InstanceStatus::Down { since, reason, .. } => Some((since, id, &known.node, reason)),
                _ => None,
            });
        let mut down: Vec<_> = down.collect();
        down.sort_by_key(|(since, ..)| *since);
        down.into_iter().skip(1)
    });
    let told = told.map(|(_, id, node, reason)| format!("; then its process {id} on {node}: {reason}"));
    told.collect::<Vec<_>>().concat()
}

fn complete(
    run: &mut DraftRun<'_>,
    trial: TrialId,
    attempt: Attempt,
    result: Result<Box<TrialSummary>, String>,
) {
    if let Ok(summary) = result {
        run.emit(TrialCompleted {
            trial,
            attempt,
            summary,
        });
    }
}

fn answers_a_search(summary: &TrialSummary) -> bool {
    let evidence = summary.slo_evidence.as_ref();
    evidence.is_some_and(|evidence| evidence.unusable.is_none())
}

fn share_problem(attempt: &AttemptState) -> Option<String> {
    attempt.shares.iter().find_map(|(node, share)| match share {
        Share::Reported(reported) => reported
            .problem
            .as_ref()
            .map(|problem| format!("client {node}: {problem}")),
        _ => None,
    })
}

/// Whether requests got no answer in time, more than the trial tolerates.
fn is_stuck(summary: &TrialSummary) -> bool {
    summary.requests.timeout > 0 && summary.verdict.status == VerdictStatus::Invalid
}

fn stuck(trial: &TrialId, summary: &TrialSummary) -> String {
    let (late, issued) = (summary.requests.timeout, summary.requests.issued);
    format!(
        "{late} of {issued} requests of trial {trial} got no complete answer in time: the service hangs or is too slow"
    )
}

fn nothing_succeeded(trial: &TrialId, summary: &TrialSummary) -> String {
    let kinds: Vec<String> = summary
        .errors
        .iter()
        .map(|(kind, n)| format!("{n} × {kind}"))
        .collect();
    let what = if kinds.is_empty() {
        "none was sent".to_owned()
    } else {
        kinds.join(", ")
    };
    format!("no request of trial {trial} succeeded: {what}")
}
