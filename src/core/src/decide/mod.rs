//! Deciding: from a command to the events that it leads to.
//!
//! Every command is handled in three steps: what it says itself, what is overdue by now, and what can be done next.

mod advance;
mod attempts;
mod deadlines;
mod deploy;
mod draft;
mod job;
mod losses;
mod reports;
mod search;
mod teardown;

pub use draft::{Decided, LedBy};
pub(crate) use teardown::is_ready_to_verify;

use crate::command::{Command, Rejection};
use crate::event::{CancelRequested, RunCancelled, RunResumed, RunSuspended, StopCause, TrialInterrupted};
use crate::state::{BusStatus, Node, State};
use crate::{Timestamp, limits};

use draft::DraftRun;

/// The events that a command leads to; none if it changes nothing.
pub fn decide(state: &State, command: Command, now: Timestamp) -> Result<Vec<Decided>, Rejection> {
    let name = command.name();
    let reject = |reason: String| Rejection {
        command: name,
        reason,
    };
    let reopens = command.reopens();
    if state.outcome.is_some() && !reopens {
        return Err(reject("the run has ended".to_owned()));
    }
    if state.run.is_none() && !matches!(command, Command::Create(_) | Command::Submit(_)) {
        return Err(reject("there is no run yet".to_owned()));
    }
    if state.outcome.is_none() && state.is_over() {
        return Err(reject("this epoch of the run has ended".to_owned()));
    }
    let mut run = DraftRun::new(state, now);
    handle(&mut run, command).map_err(reject)?;
    if !run.state().is_over() {
        deadlines::enforce(&mut run);
    }
    while !run.state().is_over() && run.len() < limits::EVENTS_PER_COMMAND {
        let Some(next) = advance::next(run.state(), now) else {
            break;
        };
        run.emit_step(next);
    }
    Ok(run.finish())
}

fn handle(run: &mut DraftRun<'_>, command: Command) -> Result<(), String> {
    match command {
        Command::Create(created) => {
            if run.state().run.is_some() {
                return Err("the run exists already".to_owned());
            }
            run.emit(created);
        }
        Command::Resume(resumed) => return resume(run, resumed),
        Command::Submit(submission) => return job::submit(run, submission),
        Command::JobStarted(started) => return job::started(run, started),
        Command::JobEnding { reason, at_once } => job::ending(run, reason, at_once),
        Command::BusUp(up) => {
            if !matches!(run.state().bus.status, BusStatus::Requested { .. }) {
                return Err("no bus is being started".to_owned());
            }
            run.emit(up);
        }
        Command::BusDown(down) => return losses::bus_down(run, down),
        Command::Report { node, report } => return reports::handle(run, &node, report),
        Command::AgentEnded { node, launch, how } => losses::agent_ended(run, &node, launch, &how),
        Command::NodeSilent { node, seconds } => {
            if run.state().nodes.get(&node).is_some_and(Node::is_joined) {
                losses::lose_node(run, &node, &format!("no sign of life for {seconds:.0} s"));
            }
        }
        Command::StoodStill { seconds } => run.emit(RunSuspended { seconds }),
        Command::Cancel(cancel) => return request_cancel(run, cancel),
        Command::Measured(measured) => return attempts::conclude(run, measured),
        Command::Probed(probed) => run.emit(probed),
        Command::StateChecked(verified) => {
            if !is_ready_to_verify(run.state()) {
                return Err("the run is not at its end".to_owned());
            }
            run.emit(verified);
        }
        Command::Reject(rejected) => run.emit(rejected),
        Command::Tick => {}
    }
    Ok(())
}

/// The former epoch's processes are gone: what it had under way was interrupted.
fn resume(run: &mut DraftRun<'_>, resumed: RunResumed) -> Result<(), String> {
    if run.state().phase.is_some() {
        return Err("the run is under way".to_owned());
    }
    run.emit(resumed);
    if let Some((trial, attempt)) = run.state().active() {
        let interrupted = TrialInterrupted {
            trial: trial.clone(),
            attempt: attempt.attempt,
            reason: "its epoch ended before it did".to_owned(),
        };
        run.emit(interrupted);
    }
    Ok(())
}

/// In order: the attempt under way is given up and everything ends. At once: that is all.
fn request_cancel(run: &mut DraftRun<'_>, cancel: CancelRequested) -> Result<(), String> {
    let earlier = run.state().cancel.as_ref();
    if earlier.is_some_and(|earlier| earlier.at_once || !cancel.at_once) {
        return Ok(());
    }
    let reason = cancel.reason.clone();
    let interruption = format!("the run was cancelled: {reason}");
    if !cancel.at_once {
        if let Some((_, failure)) = run.state().failure() {
            return Err(format!("the run is failing already: {failure}"));
        }
        run.emit(cancel);
        attempts::stop_active(run, StopCause::Interruption { reason: interruption });
        return Ok(());
    }
    run.emit(cancel);
    if let Some((trial, attempt)) = run.state().active() {
        let interrupted = TrialInterrupted {
            trial: trial.clone(),
            attempt: attempt.attempt,
            reason: interruption,
        };
        run.emit(interrupted);
    }
    run.emit(RunCancelled { exit_code: 1, reason });
    Ok(())
}
