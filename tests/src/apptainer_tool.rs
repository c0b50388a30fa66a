//! Apptainer as a tool of the tests.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

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
}
