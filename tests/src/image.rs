//! A container image with a real inference server.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::Apptainer;
use crate::harness::set_up;
use crate::paths::target;

/// An Apptainer image that has llama.cpp's `llama-server` on its PATH, and a model for it.
#[derive(Debug, Clone)]
pub struct LlamaImage {
    /// The `.sif` file.
    pub image: PathBuf,
    /// A tiny GGUF model, outside of the image.
    pub model: PathBuf,
}

impl LlamaImage {
    /// Builds it unless it is there. None, and a note that the test was skipped, where it cannot be had.
    ///
    /// # Errors
    ///
    /// Setting it up failed.
    pub fn get(test: &str, apptainer: &Apptainer) -> Result<Option<Self>> {
        let folder = target().join("testbed/llama");
        let Some(lines) = set_up(test, "llama-image.sh", &[folder.as_path(), apptainer.program()])? else {
            return Ok(None);
        };
        match &lines[..] {
            [image, model] => Ok(Some(Self {
                image: image.into(),
                model: model.into(),
            })),
            _ => bail!("llama-image.sh printed no two paths: {lines:?}"),
        }
    }
}
