//! `hpcbench plan`: what a run of a recipe would do.

mod job;
mod text;

pub(crate) use text::in_words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hpcbench_recipes::estimate::estimate;
use hpcbench_recipes::recipe::LaunchMode;

use crate::cluster::Target;
use crate::commands::Format;
use crate::commands::submit::Script;
use crate::exit::Failure;
use crate::recipe_file::{Overrides, RecipeFile};
use crate::terminal;

/// Show what a run of a recipe would do: services, trials, time and space
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    /// The recipe
    recipe: PathBuf,
    #[command(flatten)]
    overrides: Overrides,
    /// How the plan is printed; json is what a run keeps as plan.json
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print the script of the Slurm job that `submit` would submit
    #[arg(long, conflicts_with = "format")]
    job_script: bool,
}

/// What stands for the id of a run that is not there yet.
const NO_RUN: &str = "RUN";

/// Prints the plan.
///
/// # Errors
/// The recipe is invalid or cannot be read.
pub(crate) fn run(args: &PlanArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let recipe = RecipeFile::read(&args.recipe, &args.overrides)?;
    let plan = recipe.plan()?;
    let target = match plan.launch.mode {
        LaunchMode::Slurm => Some(Target::of_recipe(&plan, &recipe)?),
        LaunchMode::Local => None,
    };
    if args.job_script {
        let target = target.ok_or_else(|| {
            Failure::Usage("the recipe is for one machine (launch.mode: local): there is no job".to_owned())
        })?;
        let script = Script::new(
            &target,
            &runs_dir.join(NO_RUN),
            &format!("hpcbench:{NO_RUN}:1"),
            None,
        )?;
        terminal::print(&script.text)?;
        return Ok(ExitCode::SUCCESS);
    }
    match args.format {
        Format::Text => {
            terminal::print(&text::in_words(&plan))?;
            if let Some(target) = target {
                terminal::print(&job::in_words(&target.layout, &estimate(&plan)))?;
            }
        }
        Format::Json => terminal::print_json(&plan)?,
    }
    Ok(ExitCode::SUCCESS)
}
