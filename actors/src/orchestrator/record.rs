//! An epoch that says one thing and ends: a run is left to a batch job, or one that nobody is at work on is cancelled.

use std::path::PathBuf;
use std::sync::Arc;

use hpcbench_core::event::Program;
use hpcbench_core::{Command, Epoch, Outline};
use hpcbench_recipes::Plan;

use super::OrchestratorError;
use super::epoch::{EpochSetup, OpenEpoch, open_now};
use super::machine::Machine;
use super::run::{orchestrator_node, wait_for_caches};
use crate::shell::now;

/// Where and how something is said.
pub struct RecordSetup {
    /// The run's plan.
    pub plan: Arc<Plan>,
    /// The run directory, as the user gave it. It exists and holds `recipe.yaml` and `plan.json`.
    pub run_dir: PathBuf,
    /// The program, for the audit.
    pub program: Program,
    /// The orchestrators of this epoch and of all before are proven dead; 0 if nothing is proven.
    pub dead_through: Epoch,
}

/// Writes an epoch with what the command leads to, synced when this returns. It has to end the epoch: a submission, a cancel
/// at once. Nothing is started.
///
/// # Errors
/// The event log cannot be written, or the command does not fit the run.
pub fn record(setup: RecordSetup, command: &Command) -> Result<(), OrchestratorError> {
    let RecordSetup {
        plan,
        run_dir,
        program,
        dead_through,
    } = setup;
    let node = orchestrator_node(&plan)?;
    let epoch = EpochSetup {
        run_dir: run_dir.clone(),
        node: node.clone(),
        program,
        outline: Arc::new(Outline::of(&plan)),
        dead_through,
        wait: Box::new(wait_for_caches(run_dir.clone())),
    };
    // What was synced is learned of by closing the log.
    let OpenEpoch { opened, state, .. } = open_now(epoch, Box::new(drop))?;
    let mut machine = Machine::new(run_dir, node, state, opened.journal);
    match machine.take(command, None, now())?.refused {
        None => Ok(machine.close()?),
        Some(rejection) => Err(OrchestratorError::Begin {
            reason: rejection.reason,
        }),
    }
}
