//! Deciding: from a command to the events that it leads to.
//!
//! Every command is handled in three steps: what it says itself, what is overdue by now, and what can be done next.

mod advance;
mod attempts;
mod deadlines;
mod draft;
mod reports;
mod teardown;

pub use draft::Decided;
pub(crate) use teardown::is_ready_to_verify;

use crate::command::{Command, Rejection};
use crate::event::{BusExited, CancelRequested, RunCancelled, RunResumed, StopCause, TrialInterrupted};
use crate::state::{Collection, State};
use crate::{NodeId, Timestamp, limits};

use draft::DraftRun;

/// The events that a command leads to; none if it changes nothing.
pub fn decide(state: &State, command: Command, now: Timestamp) -> Result<Vec<Decided>, Rejection> {
    let name = command.name();
    let reject = |reason: String| Rejection {
        command: name,
        reason,
    };
    if state.outcome.is_some() {
        return Err(reject("the run has ended".to_owned()));
    }
    if state.run.is_none() && !matches!(command, Command::Create(_)) {
        return Err(reject("there is no run yet".to_owned()));
    }
    let mut run = DraftRun::new(state, now);
    handle(&mut run, command).map_err(reject)?;
    deadlines::enforce(&mut run);
    while run.state().outcome.is_none() && run.len() < limits::EVENTS_PER_COMMAND {
        let Some(next) = advance::next(run.state(), now) else {
            break;
        };
        run.emit(next);
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
        Command::Resume(resumed) => resume(run, resumed),
        Command::BusUp(up) => run.emit(up),
        Command::BusDown(down) => bus_down(run, down),
        Command::Report { node, report } => return reports::handle(run, &node, report),
        Command::AgentEnded { node, launch, how } => agent_ended(run, &node, launch, &how),
        Command::NodeSilent { node, seconds } => {
            let joined = run
                .state()
                .nodes
                .get(&node)
                .is_some_and(crate::state::Node::is_joined);
            if joined {
                attempts::lose_node(run, node, format!("no sign of life for {seconds:.0} s"));
            }
        }
        Command::Cancel(cancel) => request_cancel(run, cancel),
        Command::Measured(measured) => return attempts::conclude(run, measured),
        Command::StateChecked(verified) => run.emit(verified),
        Command::Reject(rejected) => run.emit(rejected),
        Command::Tick => {}
    }
    Ok(())
}

/// Without a bus no agent can be reached: if it cannot be had again, they all count as lost.
fn bus_down(run: &mut DraftRun<'_>, down: BusExited) {
    run.emit(down);
    let Some((_, reason)) = run.state().failure() else {
        return;
    };
    let nodes = run.state().nodes.iter().filter(|(_, node)| !node.is_gone());
    let nodes: Vec<NodeId> = nodes.map(|(id, _)| id.clone()).collect();
    for node in nodes {
        attempts::lose_node(run, node, reason.clone());
    }
}

/// The former epoch's processes are gone: what it had under way was interrupted.
fn resume(run: &mut DraftRun<'_>, resumed: RunResumed) {
    run.emit(resumed);
    if let Some((trial, attempt)) = run.state().active() {
        let interrupted = TrialInterrupted {
            trial: trial.clone(),
            attempt: attempt.attempt,
            reason: "its epoch ended before it did".to_owned(),
        };
        run.emit(interrupted);
    }
}

fn agent_ended(run: &mut DraftRun<'_>, node: &NodeId, launch: u32, how: &str) {
    let Some(known) = run.state().nodes.get(node) else {
        return;
    };
    if known.launches != launch || known.is_gone() {
        return;
    }
    if matches!(known.collection, Collection::Stopped { .. }) {
        run.emit(crate::event::NodeLeft { node: node.clone() });
    } else {
        attempts::lose_node(run, node.clone(), format!("its agent ended: {how}"));
    }
}

fn request_cancel(run: &mut DraftRun<'_>, cancel: CancelRequested) {
    if run
        .state()
        .cancel
        .as_ref()
        .is_some_and(|earlier| earlier.at_once || !cancel.at_once)
    {
        return;
    }
    let reason = cancel.reason.clone();
    let at_once = cancel.at_once;
    run.emit(cancel);
    let cause = StopCause::Interruption {
        reason: format!("the run was cancelled: {reason}"),
    };
    if !at_once {
        attempts::stop_active(run, cause);
        return;
    }
    if let Some((trial, attempt)) = run.state().active() {
        let (trial, attempt) = (trial.clone(), attempt.attempt);
        run.emit(TrialInterrupted {
            trial,
            attempt,
            reason: cause.reason().to_owned(),
        });
    }
    run.emit(RunCancelled { exit_code: 1, reason });
}
