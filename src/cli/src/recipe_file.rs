//! Recipe files: reading and checking them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hpcbench_recipes::{
    Checked, Code, Diagnostic, DiskFiles, Input, MAX_SOURCE_BYTES, PathBase, Plan, RecipeChecker, Sources,
    problem_at, render,
};
use hpcbench_services::REGISTRY;

use crate::exit::Failure;

/// A recipe's file, and what the command line changes in it.
#[derive(Clone)]
pub(crate) struct RecipeFile {
    /// The path, as given.
    path: String,
    /// The file's bytes.
    bytes: Vec<u8>,
    overrides: Vec<String>,
    paths: PathBase,
}

/// Changes to the recipe, as commands take them.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Overrides {
    /// Change a value of the recipe, for example workload.duration=10s; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
}

impl RecipeFile {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(path: &Path, overrides: &Overrides) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let failed = || Failure::Usage(format!("failed to read the recipe {name}"));
        let mut bytes = Vec::new();
        // One byte more than allowed, so that the check sees that it is too much.
        File::open(path)
            .and_then(|file| file.take(MAX_SOURCE_BYTES as u64 + 1).read_to_end(&mut bytes))
            .with_context(failed)?;
        Ok(Self {
            paths: path_base(path).with_context(failed)?,
            path: name,
            bytes,
            overrides: overrides.set.clone(),
        })
    }

    /// A recipe that is in no file yet, as if it were in this one.
    ///
    /// # Errors
    /// The current directory cannot be told.
    pub(crate) fn of_text(path: &Path, text: String) -> anyhow::Result<Self> {
        Ok(Self {
            path: path.display().to_string(),
            bytes: text.into_bytes(),
            overrides: Vec::new(),
            paths: path_base(path)?,
        })
    }

    /// The same file, if these were its bytes.
    pub(crate) fn with_bytes(&self, bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            ..self.clone()
        }
    }

    /// The path, as given.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The file's bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks the recipe.
    pub(crate) fn check(&self, checker: &RecipeChecker<'_>) -> Checked {
        checker.check(&Input {
            source: &self.bytes,
            overrides: &self.overrides,
            paths: &self.paths,
            files: &DiskFiles,
        })
    }

    /// Problems that were found, in words.
    pub(crate) fn render(&self, problems: &[Diagnostic], colour: bool) -> String {
        let sources = Sources {
            path: &self.path,
            source: &self.bytes,
            overrides: &self.overrides,
        };
        render(problems, &sources, colour)
    }

    /// Shows a problem with the value at this place, which only a cluster has.
    pub(crate) fn refuse(&self, place: &str, code: Code, message: &str) -> Failure {
        let found = problem_at(&self.bytes, &self.overrides, place, code, message);
        let sources = Sources {
            path: &self.path,
            source: &self.bytes,
            overrides: &self.overrides,
        };
        match found {
            Some(found) => {
                let text = render(&[found], &sources, crate::terminal::colour_on_stderr());
                crate::terminal::say(text.trim_end());
                Failure::InvalidRecipe(format!("the recipe {} is no job of its cluster", self.path))
            }
            None => Failure::InvalidRecipe(message.to_owned()),
        }
    }

    /// The recipe's plan. Problems are shown on standard error, warnings too.
    ///
    /// # Errors
    /// The recipe is invalid.
    pub(crate) fn plan(&self) -> anyhow::Result<Plan> {
        let checked = self.check(checker());
        let problems = self.render(&checked.diagnostics, crate::terminal::colour_on_stderr());
        if !problems.is_empty() {
            crate::terminal::say(problems.trim_end());
        }
        let invalid = || Failure::InvalidRecipe(format!("the recipe {} is invalid", self.path));
        Ok(checked.plan.ok_or_else(invalid)?)
    }
}

/// What the paths of the recipe in a file are relative to.
fn path_base(path: &Path) -> std::io::Result<PathBase> {
    let absolute = std::path::absolute(path)?;
    Ok(PathBase {
        directory: absolute.parent().map(Path::to_path_buf).unwrap_or_default(),
        home: std::env::home_dir().filter(|home| *home != PathBuf::new()),
    })
}

/// A checker that knows the services of this build.
pub(crate) fn checker() -> &'static RecipeChecker<'static> {
    // A command makes one. It ends with the process: taking it apart before would cost each check some of its time.
    Box::leak(Box::new(RecipeChecker::new(&REGISTRY)))
}
