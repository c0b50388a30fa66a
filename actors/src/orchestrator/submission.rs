//! The epoch of a submission: it says what is wanted, and leaves the run to a batch job.

use std::path::PathBuf;
use std::sync::Arc;

use hpcbench_core::event::Program;
use hpcbench_core::{Command, Epoch, Outline, Submission};
use hpcbench_recipes::Plan;

use super::OrchestratorError;
use super::epoch::{EpochSetup, OpenEpoch, open_now};
use super::machine::{Machine, Taken};
use super::run::{orchestrator_node, wait_for_caches};
use crate::shell::now;

/// A run that is to be left to a batch job.
pub struct SubmissionSetup {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// The run directory, as the user gave it. It exists and holds `recipe.yaml` and `plan.json`.
    pub run_dir: PathBuf,
    /// The program, for the audit.
    pub program: Program,
    /// The orchestrators of this epoch and of all before are proven dead; 0 if nothing is proven.
    pub dead_through: Epoch,
    /// Which run, and which job.
    pub submission: Submission,
}

/// Writes an epoch with the submission, synced when this returns. The job may be submitted then, and not before: it opens
/// the next epoch.
///
/// # Errors
/// The event log cannot be written, or the run is not one that can be left to a job.
pub fn record_submission(setup: SubmissionSetup) -> Result<(), OrchestratorError> {
    let SubmissionSetup {
        plan,
        run_dir,
        program,
        dead_through,
        submission,
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
    let OpenEpoch { opened, state } = open_now(epoch, Box::new(drop))?;
    let mut machine = Machine::new(run_dir, node, state, opened.journal);
    match machine.take(&Command::Submit(submission), None, now())? {
        Taken::Events(_) => Ok(machine.close()?),
        Taken::Rejected(rejection) => Err(OrchestratorError::Begin {
            reason: rejection.reason,
        }),
    }
}
