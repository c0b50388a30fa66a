//! `hpcbench run`: the orchestrator's process, from the recipe to the table of results.

pub(super) mod audit;
mod bus_server;
mod containers;
pub(super) mod directory;
mod identity;
mod interrupts;
mod setup;
mod words;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hpcbench_actors::orchestrator::{self, RunEnd};
use hpcbench_recipes::Plan;
use hpcbench_recipes::recipe::LaunchMode;
use hpcbench_report::{ReportError, RunView, results_table, write_reports};

use crate::cluster::{Came, InJob, Target};
use crate::exit::Failure;
use crate::live::Live;
use crate::recipe_file::{Overrides, RecipeFile};
use crate::{exit, logging, terminal};
pub(super) use bus_server::version as nats_version;
pub(super) use setup::{Prepared, chosen_scratch, default_scratch, scratch_base};

/// Run a recipe in the foreground, on this machine or on the nodes of a Slurm allocation
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The recipe
    recipe: PathBuf,
    /// Where the run is kept; it must not exist or be empty [default: a new directory below --runs-dir]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
}

/// Runs a recipe to its end and prints the results.
///
/// # Errors
/// The recipe is invalid, something that every run needs is missing, or the event log cannot be written. How the run
/// itself ended is in the exit code.
pub(crate) fn run(args: RunArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let recipe = RecipeFile::read(&args.recipe, &args.overrides)?;
    let plan = recipe.plan()?;
    if plan.launch.mode == LaunchMode::Slurm {
        // What is wrong with it is shown in the recipe.
        Target::of_recipe(&plan, &recipe)?;
    }
    let in_job = allocation_of(&plan)?;
    let mut prepared = Prepared::to_create(plan, args.run_dir, runs_dir)?;
    if let Some(in_job) = in_job {
        prepared = prepared.within(in_job);
    }
    directory::create(&prepared.run_dir, recipe.bytes(), &prepared.plan)?;
    let run_dir = prepared.run_dir.clone();
    let end = execute(prepared, false)?;
    tell_results(&run_dir, write_reports);
    Ok(ExitCode::from(end.exit_code))
}

/// The run itself, from its beginning or from where it was left: everything that it starts has ended when this returns.
///
/// # Errors
/// The event log cannot be written, or the system refuses what every run needs.
pub(super) fn execute(prepared: Prepared, in_job: bool) -> anyhow::Result<RunEnd> {
    let (live, updates, screen) = Live::start(&prepared.plan, prepared.settled)?;
    logging::of_run(&prepared.run_dir, &prepared.node, screen.clone())?;
    screen.say(&format!("run directory {}", prepared.run_dir.display()));
    let end = actix::System::new().block_on(async move {
        let interrupts = interrupts::listen(screen, in_job)?;
        anyhow::Ok(orchestrator::run(prepared.into_setup(updates, interrupts)).await?)
    });
    live.finish();
    end.inspect_err(|error| tracing::error!(target: logging::LOG_ONLY, "{}", exit::in_words(error)))
}

/// The allocation that a recipe for Slurm is run within; none for a recipe for this machine.
pub(super) fn allocation_of(plan: &Plan) -> anyhow::Result<Option<InJob>> {
    if plan.launch.mode != LaunchMode::Slurm {
        return Ok(None);
    }
    if std::env::var_os("SLURM_JOB_ID").is_none() {
        return Err(outside().into());
    }
    let target = Target::of(plan)?;
    let found = InJob::find(plan, &target, Came::ByHand)?;
    Ok(Some(found.ok_or_else(outside)?))
}

fn outside() -> Failure {
    Failure::Usage(
        "the recipe wants a Slurm job (launch.mode: slurm), and this is not one: `hpcbench submit` makes one, and \
         `--set launch.mode=local` runs it with processes on this machine"
            .to_owned(),
    )
}

/// Writes reports, in this way, and prints the table. What fails here does not change how the run ended.
pub(super) fn tell_results(run_dir: &Path, write: impl FnOnce(&Path) -> Result<Vec<PathBuf>, ReportError>) {
    if let Err(error) = results(run_dir, write) {
        let text = exit::in_words(&error);
        tracing::error!(target: logging::LOG_ONLY, "failed to report the results: {text}");
        terminal::say(&format!(
            "{} failed to report the results: {text}",
            terminal::error_label()
        ));
    }
    let dir = run_dir.display();
    terminal::say(&format!(
        "\nEverything is in {dir}. To look closer:\n  hpcbench report {dir}\n  hpcbench replay {dir}\n  hpcbench verify {dir}"
    ));
}

fn results(
    run_dir: &Path,
    write: impl FnOnce(&Path) -> Result<Vec<PathBuf>, ReportError>,
) -> anyhow::Result<()> {
    write(run_dir)?;
    let table = results_table(&RunView::load(run_dir)?, terminal::style_of_stdout());
    match terminal::print(&table) {
        // Whoever read our output has seen enough; the results are in the run directory.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => Ok(printed?),
    }
}
