//! `hpcbench validate`: whether recipes can be run, and everything that keeps them from it.

mod explain;
mod interactive;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use hpcbench_recipes::{Checked, Code, FileReport, ValidationReport};

use crate::commands::Format;
use crate::exit::Failure;
use crate::recipe_file::{Overrides, RecipeFile, checker};
use crate::terminal;

/// Check recipes without running them
#[derive(Debug, clap::Args)]
pub(crate) struct ValidateArgs {
    /// The recipes
    #[arg(value_name = "RECIPE", required_unless_present = "explain")]
    recipes: Vec<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Take warnings for errors
    #[arg(long)]
    strict: bool,
    /// How problems are told
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Walk through the problems, offer what solves each, and write the result if told to
    #[arg(long, conflicts_with_all = ["set", "format", "explain"])]
    interactive: bool,
    /// Say what the rule with this code is about, with an example, and check nothing
    #[arg(long, value_name = "CODE", value_parser = codes(), hide_possible_values = true, conflicts_with = "recipes")]
    explain: Option<Code>,
}

/// The codes of all rules; who gives another one is shown them.
fn codes() -> impl clap::builder::TypedValueParser<Value = Code> {
    let names = Code::ALL.iter().map(|code| code.as_str());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Code>())
}

/// Checks every recipe and tells all problems.
///
/// # Errors
/// A recipe is invalid or cannot be read.
pub(crate) fn run(args: &ValidateArgs) -> anyhow::Result<ExitCode> {
    if let Some(code) = args.explain {
        match args.format {
            Format::Text => terminal::print(&explain::in_words(code))?,
            Format::Json => terminal::print_json(&explain::document(code))?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    if args.interactive {
        return match args.recipes.as_slice() {
            [only] => interactive::run(only, args.strict),
            _ => Err(Failure::Usage("--interactive takes one recipe at a time".to_owned()).into()),
        };
    }
    let files: Vec<RecipeFile> = args
        .recipes
        .iter()
        .map(|path| RecipeFile::read(path, &args.overrides))
        .collect::<Result<_, _>>()?;
    let checker = checker();
    let check = |file: &RecipeFile| {
        let checked = file.check(checker);
        if args.strict { checked.strict() } else { checked }
    };
    let checks: Vec<Checked> = files.iter().map(check).collect();
    match args.format {
        Format::Text => terminal::print(&in_words(&files, &checks))?,
        Format::Json => terminal::print_json(&report(&files, &checks))?,
    }
    let invalid = checks.iter().filter(|checked| checked.plan.is_none()).count();
    match (invalid, files.len()) {
        (0, _) => Ok(ExitCode::SUCCESS),
        (1, 1) => Err(Failure::InvalidRecipe("the recipe is invalid".to_owned()).into()),
        (_, all) => Err(Failure::InvalidRecipe(format!("{invalid} of {all} recipes are invalid")).into()),
    }
}

fn report<'a>(files: &'a [RecipeFile], checks: &'a [Checked]) -> ValidationReport<'a> {
    let files = files.iter().zip(checks);
    ValidationReport {
        files: files
            .map(|(file, checked)| FileReport::new(file.path(), &checked.diagnostics))
            .collect(),
    }
}

fn in_words(files: &[RecipeFile], checks: &[Checked]) -> String {
    let mut text = String::new();
    for (file, checked) in files.iter().zip(checks) {
        text.push_str(&file.render(&checked.diagnostics, terminal::colour_on_stdout()));
        if let Some(plan) = &checked.plan {
            let trials = match &plan.search {
                Some(search) => format!(
                    "a search of at most {}",
                    count(search.max_trials.get() as usize, "trial")
                ),
                None => count(plan.trials.len(), "trial"),
            };
            let counts = format!(
                "{trials} on {}",
                count(plan.services.len(), "service configuration")
            );
            let _ = writeln!(text, "{}: valid, {counts}", file.path());
        }
    }
    if let Some(found) = checks.iter().find_map(|checked| checked.diagnostics.first()) {
        let _ = writeln!(text, "more on a rule: hpcbench validate --explain {}", found.code);
    }
    text
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
