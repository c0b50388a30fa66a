//! `hpcbench validate --interactive`: from problem to problem, with a way out of each.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use hpcbench_recipes::{Checked, Code, Diagnostic, Edit, RecipeChecker};
use similar::TextDiff;
use tempfile::NamedTempFile;

use crate::exit::Failure;
use crate::prompt::Prompt;
use crate::recipe_file::{Overrides, RecipeFile, checker};
use crate::terminal;

/// Lines around a change that a comparison shows.
const CONTEXT_LINES: usize = 2;

/// What tells a problem from others, wherever it moves.
type Key = (String, String, String);

/// What is done about a problem.
enum Decision {
    /// The recipe is now this.
    Changed(Vec<u8>),
    Left,
    Stop,
}

/// Walks through the problems of a recipe, offers what solves each, shows what has changed and writes it if told to.
///
/// # Errors
/// There is no terminal, or what is in the file in the end is not valid.
pub(super) fn run(path: &Path, strict: bool) -> anyhow::Result<ExitCode> {
    let prompt = Prompt::open("run validate without --interactive")?;
    let checker = checker();
    let original = RecipeFile::read(path, &Overrides::default())?;
    let mut current = original.bytes().to_vec();
    let mut left: HashSet<Key> = HashSet::new();
    loop {
        let file = original.with_bytes(current.clone());
        let checked = check(&file, checker, strict);
        let Some(problem) = checked
            .diagnostics
            .iter()
            .find(|found| !left.contains(&key(found)))
        else {
            break;
        };
        prompt.say(
            file.render(std::slice::from_ref(problem), terminal::colour_on_stderr())
                .trim_end(),
        )?;
        match decide(&prompt, &file, problem, checker, strict)? {
            Decision::Changed(bytes) => current = bytes,
            Decision::Left => {
                left.insert(key(problem));
            }
            Decision::Stop => break,
        }
    }
    let is_written = current != original.bytes() && offer(&prompt, path, &original, &current)?;
    let result = if is_written {
        original.with_bytes(current)
    } else {
        original
    };
    match check(&result, checker, strict).plan {
        Some(_) => {
            prompt.say(&format!("{} is valid", path.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        None => Err(Failure::InvalidRecipe(format!("the recipe {} is invalid", path.display())).into()),
    }
}

fn check(file: &RecipeFile, checker: &RecipeChecker<'_>, strict: bool) -> Checked {
    let checked = file.check(checker);
    if strict { checked.strict() } else { checked }
}

fn key(problem: &Diagnostic) -> Key {
    (
        problem.code.to_string(),
        problem.pointer.clone(),
        problem.message.clone(),
    )
}

fn decide(
    prompt: &Prompt,
    file: &RecipeFile,
    problem: &Diagnostic,
    checker: &RecipeChecker<'_>,
    strict: bool,
) -> anyhow::Result<Decision> {
    let edit = problem.edit.as_ref();
    let suggestion = edit.and_then(|edit| edit.suggestion.as_deref());
    let mut choices = Vec::new();
    let mut actions: Vec<Action> = Vec::new();
    if let Some(text) = suggestion {
        choices.push(format!("write {text}"));
        actions.push(Action::Suggestion);
    }
    if edit.is_some() {
        choices.push(
            if suggestion.is_some() {
                "write something else"
            } else {
                "write another value"
            }
            .to_owned(),
        );
        actions.push(Action::Value);
    }
    choices.extend(["leave it".to_owned(), "leave this and all others".to_owned()]);
    actions.extend([Action::Leave, Action::Stop]);
    let chosen = prompt.choose("What to do?", &choices)?;
    Ok(match (actions.get(chosen), edit) {
        (Some(Action::Suggestion), Some(edit)) => {
            Decision::Changed(edit.apply(file.bytes(), suggestion.unwrap_or_default()))
        }
        (Some(Action::Value), Some(edit)) => {
            let value = value(prompt, file, problem, edit, checker, strict)?;
            Decision::Changed(edit.apply(file.bytes(), &value))
        }
        (Some(Action::Leave), _) => Decision::Left,
        _ => Decision::Stop,
    })
}

#[derive(Clone, Copy)]
enum Action {
    Suggestion,
    Value,
    Leave,
    Stop,
}

/// A value with which the problem is gone.
fn value(
    prompt: &Prompt,
    file: &RecipeFile,
    problem: &Diagnostic,
    edit: &Edit,
    checker: &RecipeChecker<'_>,
    strict: bool,
) -> anyhow::Result<String> {
    let before: HashSet<Key> = check(file, checker, strict).diagnostics.iter().map(key).collect();
    let solves = |answer: &str| {
        let changed = check(
            &file.with_bytes(edit.apply(file.bytes(), answer)),
            checker,
            strict,
        );
        let is_wrong = |found: &&Diagnostic| {
            let is_new = found.pointer.starts_with(&problem.pointer) && !before.contains(&key(found));
            found.is_error() && (key(found) == key(problem) || is_new || found.code == Code::Syntax)
        };
        match changed.diagnostics.iter().find(is_wrong) {
            Some(found) => Err(found.message.clone()),
            None if answer.is_empty() => Err("write a value".to_owned()),
            None => Ok(()),
        }
    };
    prompt.text("Value", "", &solves)
}

/// Shows what has changed and writes it if told to.
fn offer(prompt: &Prompt, path: &Path, original: &RecipeFile, current: &[u8]) -> anyhow::Result<bool> {
    let (old, new) = (
        String::from_utf8_lossy(original.bytes()),
        String::from_utf8_lossy(current),
    );
    let name = path.display().to_string();
    let comparison = TextDiff::from_lines(old.as_ref(), new.as_ref())
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .header(&name, &name)
        .to_string();
    prompt.say(comparison.trim_end())?;
    if !prompt.confirm(&format!("Write this to {name}?"), false)? {
        return Ok(false);
    }
    replace(path, current).with_context(|| format!("failed to write {name}"))?;
    Ok(true)
}

/// Replaces a file's text as a whole, or not at all; a link stays a link, and permissions stay.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let target = fs::canonicalize(path)?;
    let directory = target.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.as_file()
        .set_permissions(fs::metadata(&target)?.permissions())?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}
