//! `hpcbench job`: the orchestrator's process in a Slurm job. Job scripts run it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use hpcbench_actors::agent::{BOOT_VARIABLE, NODE_VARIABLE, release_orphans};
use hpcbench_actors::orchestrator::RunEnd;
use hpcbench_actors::process::RUN_VARIABLE;
use hpcbench_core::event::Afterwards;
use hpcbench_core::{NodeId, Submitted};
use hpcbench_report::{RunView, write_reports};
use hpcbench_slurm::{JobId, ProgramError, Slurm};

use crate::cluster::{Came, InJob, Target};
use crate::commands::run::{self, Prepared, audit};
use crate::commands::standing;
use crate::commands::submit::Handover;
use crate::exit::Failure;
use crate::{terminal, writer};

/// Go on with a run that was left to this Slurm job. Job scripts run it.
#[derive(Debug, clap::Args)]
pub(crate) struct JobArgs {
    /// The run's directory
    #[arg(long, value_name = "DIR")]
    run_dir: PathBuf,
    /// The key that the job was asked for with
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// See to a job whose orchestrator is gone. Agents run it.
#[derive(Debug, clap::Args)]
pub(crate) struct OrphanedArgs {
    /// The job
    job: JobId,
}

/// Goes on with a run to its end, or to the end of its job.
///
/// # Errors
/// The log is damaged, the job is not one for this run, another one was asked for since, or something that every run needs is missing. How the run itself
/// ended is in the exit code.
pub(crate) fn run(args: JobArgs) -> anyhow::Result<ExitCode> {
    let JobArgs { run_dir, key } = args;
    let view = RunView::load(&run_dir)?;
    if let Some(outcome) = &view.state.outcome {
        terminal::say("the run has ended: there is nothing to do for this job");
        return Ok(ExitCode::from(outcome.exit_code()));
    }
    let latest = view.requested.as_ref().map(|requested| requested.key.as_str());
    if let Some(reason) = overtaken(key.as_deref(), latest) {
        return Err(Failure::Environment(reason).into());
    }
    let target = Target::of(&view.plan)?;
    let in_job = InJob::find(&view.plan, &target, Came::BySubmission)?.ok_or_else(|| {
        Failure::Usage("this is no Slurm job: `hpcbench submit` makes jobs that run this command".to_owned())
    })?;
    let job = in_job.job;
    let prepared = Prepared::to_job(&view, run_dir.clone(), in_job, writer::dead_through(&view))?;
    // What others know of the queue is from before its start, and will be from before its end.
    standing::forget_queue(&run_dir);
    let end = run::execute(prepared, true);
    standing::forget_queue(&run_dir);
    let end = end?;
    run::tell_results(&run_dir, write_reports);
    go_on_afterwards(end, job, run_dir, &target)
}

/// Why a job leaves its run alone, if it does: another one was asked for since. Where sbatch gives no answer, its job may come to light
/// after somebody has looked for it in vain and resumed the run. The epochs would keep the two from writing to one log, but the one that
/// starts last would break off what the other measures.
fn overtaken(own: Option<&str>, latest: Option<&str>) -> Option<String> {
    let (own, latest) = own.zip(latest).filter(|(own, latest)| own != latest)?;
    Some(format!(
        "this job was asked for as {own}, and since then another one was, as {latest}, which goes on with the run: this one leaves it alone"
    ))
}

/// Sees to it that the run goes on, if its job is to be followed by another one.
fn go_on_afterwards(end: RunEnd, job: JobId, run_dir: PathBuf, target: &Target) -> anyhow::Result<ExitCode> {
    match end.afterwards {
        None | Some(Afterwards::Wait) => {}
        Some(Afterwards::Requeue) => {
            terminal::say(&format!("job {job} goes back into the queue"));
            match Slurm::on_path().requeue(job) {
                Ok(()) => {}
                // Many sites allow no requeue.
                Err(error) if is_refusal(&error) => {
                    terminal::say(&format!("it cannot: {error}"));
                    resubmit(job, run_dir, target)?;
                }
                Err(error) => {
                    // This node may have been cut off: then its agents have not ended, and one of them can.
                    let epoch = RunView::load(&run_dir)?.state.epoch;
                    if let Err(error) = release_orphans(&run_dir, epoch) {
                        tracing::warn!(%error, "agents that are left take the job for taken care of");
                    }
                    return Err(error.into());
                }
            }
        }
        Some(Afterwards::Resubmit) => resubmit(job, run_dir, target)?,
    }
    Ok(ExitCode::from(end.exit_code))
}

/// Whether Slurm said no. What has not answered may have done what it was asked for.
fn is_refusal(error: &ProgramError) -> bool {
    matches!(error, ProgramError::Failed { .. }) && !error.is_no_answer()
}

/// Has another job go on with the run, once this one has ended.
fn resubmit(job: JobId, run_dir: PathBuf, target: &Target) -> anyhow::Result<()> {
    let view = RunView::load(&run_dir)?;
    let handover = Handover {
        plan: Arc::clone(&view.plan),
        run_dir,
        run: Submitted::Resumed(audit::resumed(audit::tools(&view.plan)?, false)),
        epoch: view.state.epoch.next(),
        // This very process wrote it.
        dead_through: view.state.epoch,
        after: Some(job),
    };
    let next = handover.submit(target)?;
    terminal::say(&format!("job {next} goes on with the run"));
    Ok(())
}

/// Whether the log says that the run goes on without the agent that asks. A log that cannot be read says nothing.
fn was_cut_off() -> bool {
    let variable = |name: &str| std::env::var(name).ok();
    let asked = || {
        let run_dir = std::env::var_os(RUN_VARIABLE).map(PathBuf::from)?;
        let node: NodeId = variable(NODE_VARIABLE)?.parse().ok()?;
        let boot = variable(BOOT_VARIABLE)?;
        let view = RunView::load(&run_dir).ok()?;
        Some(view.state.goes_on_without(&node, &boot))
    };
    asked() == Some(true)
}

/// The orchestrator's host is gone: its job goes back into the queue or, where that is refused, ends.
///
/// # Errors
/// Slurm refuses both, or does not answer: then the job is as it was, and somebody else may try.
pub(crate) fn orphaned(args: &OrphanedArgs) -> anyhow::Result<ExitCode> {
    if was_cut_off() {
        return Err(Failure::Environment(
            "this node was cut off from its run, which goes on without it: its job is left alone".to_owned(),
        )
        .into());
    }
    let slurm = Slurm::on_path();
    let jobs = slurm.jobs(args.job)?;
    if jobs.is_empty() || jobs.iter().all(|job| job.state.is_over()) {
        return Ok(ExitCode::SUCCESS);
    }
    match slurm.requeue(args.job) {
        Ok(()) => {}
        // Many sites allow no requeue: then the job would only keep its nodes.
        Err(error) if is_refusal(&error) => {
            tracing::warn!(%error, job = %args.job, "the job is not put back into the queue: it is cancelled");
            slurm.cancel(args.job)?;
        }
        // It may be in the queue by now. Another agent sees to that.
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_job_that_was_asked_for_last_goes_on_with_a_run() {
        let (first, second) = ("hpcbench:r:1", "hpcbench:r:4");
        assert_eq!(overtaken(Some(second), Some(second)), None);
        let reason = overtaken(Some(first), Some(second)).unwrap();
        assert!(reason.contains(first) && reason.contains(second), "{reason}");
        // The script of an earlier build says no key.
        assert_eq!(overtaken(None, Some(second)), None);
        assert_eq!(overtaken(Some(first), None), None);
    }
}
