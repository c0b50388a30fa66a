//! Real vLLM and a tiny model, for the program under test to start.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::harness::set_up;
use crate::paths::target;

/// vLLM for CPUs and a model.
#[derive(Debug)]
pub struct VllmFiles {
    /// The program.
    pub program: PathBuf,
    /// The directory with the model's files.
    pub model: PathBuf,
}

impl VllmFiles {
    /// Finds or sets up both. None, and a note that the test was skipped, where they cannot be had.
    ///
    /// # Errors
    ///
    /// Setting them up failed.
    pub fn get(test: &str) -> Result<Option<Self>> {
        let Some(lines) = set_up(test, "vllm.sh", &[target().join("testbed/vllm")])? else {
            return Ok(None);
        };
        match &lines[..] {
            [program, model] => Ok(Some(Self {
                program: program.into(),
                model: model.into(),
            })),
            _ => bail!("vllm.sh printed no two paths: {lines:?}"),
        }
    }
}
