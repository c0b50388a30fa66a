//! `hpcbench migrate`: a recipe of another layout in this one.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use hpcbench_recipes::{Migration, migrate};

use crate::exit::Failure;
use crate::recipe_file::{Overrides, RecipeFile, checker};
use crate::terminal;

/// Rewrite a recipe of the Python toolkit, and list what cannot be carried over
#[derive(Debug, clap::Args)]
pub(crate) struct MigrateArgs {
    /// The old recipe; it stays as it is
    #[arg(value_name = "RECIPE")]
    recipe: PathBuf,
    /// Write the new recipe to this file, which must not be there, instead of printing it
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Rewrites a recipe.
///
/// # Errors
/// It is no recipe of the toolkit, or what became of it is not valid yet.
pub(crate) fn run(args: &MigrateArgs) -> anyhow::Result<ExitCode> {
    let old = RecipeFile::read(&args.recipe, &Overrides::default())?;
    let migration = migrate(old.bytes()).map_err(|problems| {
        terminal::say(old.render(&problems, terminal::colour_on_stderr()).trim_end());
        Failure::InvalidRecipe(format!("{} cannot be migrated", old.path()))
    })?;
    match &args.output {
        Some(path) => write_new(path, &migration.recipe)?,
        None => terminal::print(&migration.recipe)?,
    }
    let lost = in_words(old.path(), &migration);
    if !lost.is_empty() {
        terminal::say(lost.trim_end());
    }
    let path = args.output.as_deref().unwrap_or(&args.recipe);
    let new = RecipeFile::of_text(path, migration.recipe)?;
    let checked = new.check(checker());
    let problems = new.render(&checked.diagnostics, terminal::colour_on_stderr());
    if !problems.is_empty() {
        terminal::say(problems.trim_end());
    }
    match checked.plan {
        Some(_) => Ok(ExitCode::SUCCESS),
        None => Err(Failure::InvalidRecipe(
            "the new recipe needs a correction before it is valid".to_owned(),
        )
        .into()),
    }
}

/// Writes a file that is not there yet.
///
/// # Errors
/// It is there, or cannot be written.
pub(crate) fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("failed to write {}", path.display());
    let mut file = File::create_new(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::Usage(format!("{} is there already; it is left alone", path.display())).into()
        }
        _ => anyhow::Error::new(error).context(failed()),
    })?;
    file.write_all(text.as_bytes()).with_context(failed)
}

fn in_words(path: &str, migration: &Migration) -> String {
    let mut text = String::new();
    if !migration.lost.is_empty() {
        let _ = writeln!(text, "not carried over as it was:");
    }
    for lost in &migration.lost {
        let _ = writeln!(text, "  {path}:{}: {}: {}", lost.line, lost.path, lost.reason);
    }
    text
}
