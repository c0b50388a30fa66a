//! `hpcbench submit`: a recipe as a Slurm job.

mod handover;
mod inside;
mod test_only;
mod wait;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hpcbench_recipes::Code;
use hpcbench_recipes::recipe::LaunchMode;
use hpcbench_slurm::{JobId, RecipePath, Refusal};

use crate::cluster::Target;
use crate::commands::run::{Prepared, directory};
use crate::exit::Failure;
use crate::recipe_file::{Overrides, RecipeFile};
use crate::terminal;
pub(super) use handover::{Handover, HandoverError, Script};

/// Submit a recipe as a Slurm job
///
/// The job starts the bus, the services and the clients on its nodes and needs nobody to watch it. `hpcbench status`,
/// `watch` and `cancel` work from wherever the run directory is seen.
#[derive(Debug, clap::Args)]
pub(crate) struct SubmitArgs {
    /// The recipe
    recipe: PathBuf,
    /// Where the run is kept, on a file system that all nodes see; it must not exist or be empty [default: a new directory
    /// below --runs-dir]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Wait until the run has ended; the exit code is the run's
    #[arg(long)]
    wait: bool,
    /// Submit nothing: ask Slurm whether it would take the job, and when it would start
    #[arg(long, conflicts_with = "wait")]
    test_only: bool,
}

/// Submits a recipe.
///
/// # Errors
/// The recipe is invalid or no job of its cluster; there is no sbatch, or Slurm refuses the job.
pub(crate) fn run(args: SubmitArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let recipe = RecipeFile::read(&args.recipe, &args.overrides)?;
    let plan = recipe.plan()?;
    if plan.launch.mode != LaunchMode::Slurm {
        let advice = "run it with `hpcbench run`, or write `launch: {mode: slurm, …}`";
        return Err(recipe
            .refuse(
                "launch.mode",
                Code::Cluster,
                &format!("this recipe is for one machine: {advice}"),
            )
            .into());
    }
    let target = Target::of_recipe(&plan, &recipe)?;
    test_only::refuse_misfit(&target, &recipe)?;
    inside::refuse_programs(&plan)?;
    if args.test_only {
        return test_only::run(&target, &recipe);
    }
    let (handover, words) = Prepared::to_submit(plan, args.run_dir, runs_dir)?;
    directory::create(&handover.run_dir, recipe.bytes(), &handover.plan)?;
    let run_dir = handover.run_dir.clone();
    let job = match handover.submit(&target) {
        Ok(job) => job,
        Err(error) => {
            if !matches!(error, HandoverError::NoWord(_)) {
                handover::forget(&run_dir);
            }
            return Err(match error {
                HandoverError::Refused(refusal) => refused(&refusal, &recipe, None).into(),
                HandoverError::NoWord(error) | HandoverError::Other(error) => error,
            });
        }
    };
    tell(job, &words, &run_dir, &target);
    if args.wait {
        return wait::until_the_end(&run_dir);
    }
    Ok(ExitCode::SUCCESS)
}

/// Says why Slurm refused, and shows the place in the recipe that caused it: the one that is known, else the one that Slurm's words
/// lead to.
fn refused(refusal: &Refusal, recipe: &RecipeFile, known: Option<&RecipePath>) -> Failure {
    let message = refusal.to_string();
    if let Some(place) = known.or(refusal.path()) {
        // Only shown: the recipe may be right, and the cluster's rules others.
        let _ = recipe.refuse(place.as_str(), Code::Cluster, &message);
    }
    Failure::Environment(message)
}

fn tell(job: JobId, run: &str, run_dir: &Path, target: &Target) {
    let layout = &target.layout;
    let (nodes, hours) = (layout.node_count(), layout.node_hours());
    let dir = run_dir.display();
    terminal::say(&format!(
        "submitted job {job} for run {run}: {nodes} nodes, {hours:.1} node-hours at most\nrun directory {dir}\nTo follow it:\n  hpcbench status \
         {dir}\n  hpcbench watch {dir}\n  hpcbench cancel {dir}"
    ));
    println_job(job);
}

/// The job's id for scripts, on standard output.
pub(super) fn println_job(job: JobId) {
    // Whoever does not want it has closed the pipe.
    let _ = terminal::print(&format!("{job}\n"));
}
