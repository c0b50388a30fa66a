//! Apptainer as a tool of the tests.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::harness::set_up;
use crate::paths::target;

/// Apptainer's program, set up by the harness.
#[derive(Debug, Clone)]
pub struct Apptainer {
    program: PathBuf,
}

impl Apptainer {
    /// Fetches it unless it is there. None, and a note that the test was skipped, where it cannot be had.
    ///
    /// # Errors
    ///
    /// Setting it up failed.
    pub fn get(test: &str) -> Result<Option<Self>> {
        let folder = target().join("testbed/apptainer");
        let Some(lines) = set_up(test, "apptainer.sh", &[folder])? else {
            return Ok(None);
        };
        match &lines[..] {
            [program] => Ok(Some(Self {
                program: program.into(),
            })),
            _ => bail!("apptainer.sh printed no path: {lines:?}"),
        }
    }

    /// The absolute path of the program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// A `PATH` on which it comes first.
    ///
    /// # Errors
    ///
    /// There is none to put it before.
    pub fn on_path(&self) -> Result<String> {
        let folder = self.program.parent().context("a program without a folder")?;
        Ok(format!("{}:{}", folder.display(), std::env::var("PATH")?))
    }
}
