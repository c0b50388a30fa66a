//! `hpcbench resume`: a run goes on where it was left.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use hpcbench_actors::orchestrator::end_leftovers;
use hpcbench_actors::shell::is_stopped;
use hpcbench_core::{Epoch, Submitted};
use hpcbench_nats::{Control, ControlBus, Rendezvous};
use hpcbench_recipes::recipe::LaunchMode;
use hpcbench_report::{RunView, TrialCounts, WriterLife, find_run, write_missing_reports, write_reports};

use crate::cluster::Target;
use crate::commands::run::{self, Prepared, audit};
use crate::commands::standing;
use crate::commands::submit::{Handover, HandoverError, println_job};
use crate::exit::Failure;
use crate::{terminal, writer};

/// How long the bus may take to let us in, and the orchestrator to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long an orchestrator on another host is looked for: it gives a sign every five seconds.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

/// Go on with a run that was killed, preempted or lost its machine
///
/// What the former orchestrator left running is ended first. Completed trials stay as they are; the one that was under
/// way is attempted again, then come the others. Of a run that has ended only missing reports are written again. The exit
/// code is the run's.
#[derive(Debug, clap::Args)]
pub(crate) struct ResumeArgs {
    /// A run directory, or the beginning of a run's id
    run: String,
    /// Also repeat failed trials, and go on with a run that failed or was cancelled
    #[arg(long)]
    retry_failed: bool,
    /// Go on in a new Slurm job, for a run that was submitted
    #[arg(long)]
    submit: bool,
}

/// Goes on with a run to its end and prints the results.
///
/// # Errors
/// There is no such run, its log is damaged, its orchestrator is at work, or something that every run needs is missing. How
/// the run itself ended is in the exit code.
pub(crate) fn run(args: &ResumeArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let run_dir = find_run(runs_dir, &args.run)?;
    let view = RunView::load(&run_dir)?;
    if let Some(code) = ended(&view, args.retry_failed) {
        // It may have been killed before it had cleaned up.
        if let (Some(id), WriterLife::Gone) = (&view.state.run, writer::life_in(&view)) {
            end_leftovers(&run_dir, &run::scratch_base(&view.plan), id, view.state.epoch)?;
        }
        terminal::say(if args.retry_failed {
            "the run has ended and no trial failed; nothing but missing reports is written (trials that completed are not \
             repeated, whatever their verdict)"
        } else {
            "the run has ended: nothing but missing reports is written"
        });
        run::tell_results(&run_dir, write_missing_reports);
        return Ok(ExitCode::from(code));
    }
    refuse_in_queue(&view, &run_dir)?;
    let dead_through = refuse_at_work(&view, &run_dir)?;
    if args.submit {
        return submit(&view, run_dir, args.retry_failed, dead_through);
    }
    let in_job = run::allocation_of(&view.plan)?;
    let mut prepared = Prepared::to_resume(&view, run_dir.clone(), args.retry_failed, dead_through)?;
    if let Some(in_job) = in_job {
        prepared = prepared.within(in_job);
    }
    let TrialCounts { total, .. } = TrialCounts::of(&view);
    let settled = prepared.settled;
    terminal::say(&format!(
        "resuming after epoch {}: {settled} of {total} trials are settled",
        view.state.epoch
    ));
    let end = run::execute(prepared, false)?;
    run::tell_results(&run_dir, write_reports);
    Ok(ExitCode::from(end.exit_code))
}

/// Leaves the run to a new job.
fn submit(
    view: &RunView,
    run_dir: PathBuf,
    retry_failed: bool,
    dead_through: Epoch,
) -> anyhow::Result<ExitCode> {
    if view.plan.launch.mode != LaunchMode::Slurm {
        let words = "the run's recipe is for one machine (launch.mode: local): resume it without --submit";
        return Err(Failure::Usage(words.to_owned()).into());
    }
    let target = Target::of(&view.plan)?;
    let handover = Handover {
        plan: Arc::clone(&view.plan),
        run_dir,
        run: Submitted::Resumed(audit::resumed(audit::tools(&view.plan)?, retry_failed)),
        epoch: view.state.epoch.next(),
        dead_through,
        after: None,
    };
    let job = match handover.submit(&target) {
        Ok(job) => job,
        Err(HandoverError::Refused(refusal)) => return Err(Failure::Environment(refusal.to_string()).into()),
        Err(HandoverError::NoWord(error) | HandoverError::Other(error)) => return Err(error),
    };
    terminal::say(&format!("job {job} goes on with the run"));
    println_job(job);
    Ok(ExitCode::SUCCESS)
}

/// A run whose job waits or runs goes on by itself.
fn refuse_in_queue(view: &RunView, run_dir: &Path) -> anyhow::Result<()> {
    if view.plan.launch.mode != LaunchMode::Slurm {
        return Ok(());
    }
    match standing::of_now(run_dir, view) {
        Some(job) if job.may_live() => {
            let advice = "it goes on with the run by itself; `hpcbench cancel` ends it";
            Err(Failure::Environment(format!("{}: {advice}", job.in_words())).into())
        }
        _ => Ok(()),
    }
}

/// The exit code of a run about which nothing is left to do.
fn ended(view: &RunView, retry_failed: bool) -> Option<u8> {
    let outcome = view.state.outcome.as_ref()?;
    let TrialCounts { total, completed, .. } = TrialCounts::of(view);
    (!retry_failed || completed == total).then(|| outcome.exit_code())
}

/// The epoch through which the orchestrators are proven dead; 0 if nothing is proven.
fn refuse_at_work(view: &RunView, run_dir: &Path) -> anyhow::Result<Epoch> {
    let life = writer::life_in(view);
    if life == WriterLife::Gone {
        return Ok(view.state.epoch);
    }
    let Some(writer) = view.epochs.last().map(|epoch| &epoch.writer) else {
        return Ok(Epoch(0));
    };
    let (host, pid) = (&writer.host, writer.pid);
    let name = run_dir.display();
    let is_at_work = if life == WriterLife::Unknown {
        answers_from_afar(run_dir, host)?
    } else {
        answers(run_dir)?
    };
    if is_at_work {
        return Err(Failure::Environment(format!(
            "the run's orchestrator is at work: process {pid} on {host}; `hpcbench watch {name}` shows what it does, \
             `hpcbench cancel {name}` ends it"
        ))
        .into());
    }
    if life == WriterLife::Alive && !is_stopped(pid) {
        return Err(Failure::Environment(format!(
            "the run's orchestrator does not answer on its bus, but its process {pid} on this host is alive; wait for it, \
             or kill it and resume then"
        ))
        .into());
    }
    Ok(Epoch(0))
}

/// Whether an orchestrator on another host answers on the run's bus, if that can be reached from here, or gives signs of life in
/// the run directory.
fn answers_from_afar(run_dir: &Path, host: &str) -> anyhow::Result<bool> {
    let Ok(bus) = Rendezvous::read(run_dir) else {
        return Ok(false);
    };
    // Its own host's address is somebody else's here.
    if !bus.is_loopback() && answers(run_dir)? {
        return Ok(true);
    }
    let seconds = SIGN_OF_LIFE.as_secs();
    terminal::say(&format!(
        "the run's orchestrator was on {host}; looking for a sign of life from there for {seconds} s"
    ));
    let before = Rendezvous::touched(run_dir).ok();
    let until = Instant::now() + SIGN_OF_LIFE;
    while Instant::now() < until {
        std::thread::sleep(LOOK);
        if Rendezvous::touched(run_dir).ok() != before {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an orchestrator answers on the run's bus.
fn answers(run_dir: &Path) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to ask the orchestrator")?;
    Ok(runtime.block_on(async {
        match Control::connect(run_dir, PATIENCE).await {
            Ok(control) => control.ping(PATIENCE).await.is_ok(),
            Err(_) => false,
        }
    }))
}
