//! `hpcbench init`: a recipe by questions.

mod answers;
mod questions;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hpcbench_recipes::{Draft, Plan};

use self::questions::Interview;
use crate::commands::migrate::write_new;
use crate::commands::plan;
use crate::exit::Failure;
use crate::prompt::Prompt;
use crate::recipe_file::{RecipeFile, checker};

/// Where the recipe goes if nothing else is said.
const DEFAULT_FILE: &str = "recipe.yaml";

/// Write a recipe by answering questions
#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// The recipe's file, which must not be there yet
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
}

/// Asks, shows what comes of the answers, and writes it if told to.
///
/// # Errors
/// There is no terminal, the file is there, or the answers make no valid recipe.
pub(crate) fn run(args: &InitArgs) -> anyhow::Result<ExitCode> {
    let prompt = Prompt::open("copy one of the recipes in recipes/ instead")?;
    let path = args.file.as_path();
    if path.exists() {
        return Err(Failure::Usage(format!("{} is there already; it is left alone", path.display())).into());
    }
    let checker = checker();
    let mut draft = Draft::default();
    Interview::new(&prompt, checker, path, &mut draft).ask()?;
    let text = draft.text();
    prompt.say(&format!("\n{text}"))?;
    let plan = planned(path, &text)?;
    prompt.say(&plan::in_words(&plan))?;
    if !prompt.confirm(&format!("Write this to {}?", path.display()), true)? {
        prompt.say("nothing was written")?;
        return Ok(ExitCode::SUCCESS);
    }
    write_new(path, &text)?;
    prompt.say(&format!(
        "{0} is written; try `hpcbench plan {0}`",
        path.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The plan of what the answers say together.
fn planned(path: &Path, text: &str) -> anyhow::Result<Plan> {
    RecipeFile::of_text(path, text.to_owned())?.plan()
}
