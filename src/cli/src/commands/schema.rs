//! `hpcbench schema`: the recipe's JSON Schema.

use std::process::ExitCode;

use hpcbench_recipes::schema_text;
use hpcbench_services::REGISTRY;

use crate::terminal;

/// Print the JSON Schema of recipes, for editors and other programs
#[derive(Debug, clap::Args)]
pub(crate) struct SchemaArgs {}

/// Prints the schema.
///
/// # Errors
/// It cannot be printed.
pub(crate) fn run(_: &SchemaArgs) -> anyhow::Result<ExitCode> {
    terminal::print(&schema_text(&REGISTRY))?;
    Ok(ExitCode::SUCCESS)
}
