//! A run whose job has not started: nobody is there who could be asked.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use hpcbench_actors::orchestrator::{RecordSetup, record};
use hpcbench_actors::shell::{hostname, user};
use hpcbench_core::Command;
use hpcbench_core::event::CancelRequested;
use hpcbench_report::RunView;
use hpcbench_slurm::Slurm;

use crate::commands::run::audit::command_line;
use crate::commands::standing::{self, JobStanding};
use crate::exit::Failure;
use crate::{program, terminal, writer};

/// What is recorded of a cancel without a reason.
const NO_REASON: &str = "cancelled while its job waited";

/// Takes the job out of the queue, then ends the run in an epoch of its own.
///
/// # Errors
/// Slurm refuses or does not answer, or the log cannot be written.
pub(super) fn cancel(run_dir: &Path, job: &JobStanding, reason: Option<String>) -> anyhow::Result<ExitCode> {
    let job = job.job().ok_or_else(|| {
        let words = job.in_words();
        Failure::Environment(format!(
            "{words}: it may wait there, so cancel the run once Slurm answers"
        ))
    })?;
    Slurm::on_path().cancel(job)?;
    standing::forget_queue(run_dir);
    // It may have started meanwhile: its own epoch is higher than ours then, or claims the next one.
    let view = RunView::load(run_dir)?;
    let setup = RecordSetup {
        plan: Arc::clone(&view.plan),
        run_dir: run_dir.to_owned(),
        program: program::program(),
        dead_through: writer::dead_through(&view),
    };
    let cancel = CancelRequested {
        source: "command".to_owned(),
        user: Some(user()),
        host: Some(hostname()),
        reason: reason.unwrap_or_else(|| NO_REASON.to_owned()),
        at_once: true,
        command_line: command_line(),
    };
    record(setup, &Command::Cancel(cancel))?;
    terminal::say(&format!(
        "job {job} was taken out of the queue, and the run is cancelled"
    ));
    Ok(ExitCode::SUCCESS)
}
