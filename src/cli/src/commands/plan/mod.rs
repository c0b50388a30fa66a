//! `hpcbench plan`: what a run of a recipe would do.

mod estimate;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::commands::Format;
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
}

/// Prints the plan.
///
/// # Errors
/// The recipe is invalid or cannot be read.
pub(crate) fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let plan = RecipeFile::read(&args.recipe, &args.overrides)?.plan()?;
    match args.format {
        Format::Text => terminal::print(&text::in_words(&plan))?,
        Format::Json => terminal::print_json(&plan)?,
    }
    Ok(ExitCode::SUCCESS)
}
