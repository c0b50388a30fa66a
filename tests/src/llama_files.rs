//! A real inference server and a tiny model, for the program under test to start.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::harness::set_up;
use crate::paths::target;

/// llama.cpp's server and a model.
#[derive(Debug)]
pub struct LlamaFiles {
    /// The server's program.
    pub program: PathBuf,
    /// The model's file.
    pub model: PathBuf,
}

impl LlamaFiles {
    /// Finds or sets up both. None, and a note that the test was skipped, where they cannot be had.
    ///
    /// # Errors
    ///
    /// Setting them up failed.
    pub fn get(test: &str) -> Result<Option<Self>> {
        let Some(lines) = set_up(test, "llama.sh", &[target().join("testbed/llama")])? else {
            return Ok(None);
        };
        match &lines[..] {
            [program, model] => Ok(Some(Self {
                program: program.into(),
                model: model.into(),
            })),
            _ => bail!("llama.sh printed no two paths: {lines:?}"),
        }
    }
}
