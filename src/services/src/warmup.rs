//! Making a ready server load its model before the first measured request does.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::models::{InvalidModelList, OllamaModels};

/// The very first request to a server whose model is loaded: what a server puts off until then, it does then.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstRequest {
    /// Path of the request, below the endpoint's base path; its method is POST.
    pub path: &'static str,
    /// Its JSON body: it asks for one token.
    pub body: Value,
}

impl FirstRequest {
    /// For one token of OpenAI's API.
    pub(crate) fn openai(model: &str) -> Self {
        Self {
            path: "/v1/completions",
            body: json!({ "model": model, "prompt": "1", "max_tokens": 1, "temperature": 0 }),
        }
    }
}

/// A request that loads the model, and how to see that it is loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Warmup {
    /// Path of the request, below the endpoint's base path; its method is POST, and any 2xx status is success.
    pub path: &'static str,
    /// Its JSON body.
    pub body: Value,
    /// Path of the list of loaded models.
    pub loaded_path: &'static str,
    /// The model's name in that list.
    pub model: String,
}

/// How a model is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// Its bytes in memory.
    pub bytes: u64,
    /// How many of them are in the memory of GPUs; less than `bytes` means that a part runs on CPUs.
    pub gpu_bytes: u64,
}

impl Warmup {
    /// How the model is loaded, by the list of loaded models; `None`: it is not.
    ///
    /// # Errors
    /// The body is no such list.
    pub fn loaded(&self, body: &[u8]) -> Result<Option<Loaded>, InvalidModelList> {
        let document: Value = serde_json::from_slice(body)?;
        let list = OllamaModels::deserialize(&document)?;
        let found = list.models.into_iter().find(|model| model.name == self.model);
        Ok(found.map(|model| Loaded {
            bytes: model.size,
            gpu_bytes: model.size_vram,
        }))
    }
}
