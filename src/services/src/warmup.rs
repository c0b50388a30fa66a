//! Making a ready server load its model before the first measured request does.

use hpcbench_recipes::recipe::Endpoint;
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
    /// Whether a server that refuses it is of no use; else that is only worth a remark.
    pub is_vital: bool,
}

impl FirstRequest {
    /// For one token of OpenAI's API.
    pub(crate) fn openai(model: &str) -> Self {
        Self::to(Endpoint::Completions, model)
    }

    /// For one token of Ollama's API.
    pub(crate) fn ollama(model: &str) -> Self {
        Self::to(Endpoint::Generate, model)
    }

    /// To one of the endpoints that a server is said to answer: what it does not answer may not be asked for at all.
    pub(crate) fn as_said(endpoint: Endpoint, model: &str) -> Self {
        Self {
            is_vital: false,
            ..Self::to(endpoint, model)
        }
    }

    fn to(endpoint: Endpoint, model: &str) -> Self {
        let messages = json!([{ "role": "user", "content": "1" }]);
        let (path, body) = match endpoint {
            Endpoint::Chat => (
                "/v1/chat/completions",
                json!({ "model": model, "messages": messages, "max_tokens": 1, "temperature": 0 }),
            ),
            Endpoint::Completions => (
                "/v1/completions",
                json!({ "model": model, "prompt": "1", "max_tokens": 1, "temperature": 0 }),
            ),
            Endpoint::Generate => (
                "/api/generate",
                json!({ "model": model, "prompt": "1", "stream": false, "options": {"num_predict": 1} }),
            ),
            Endpoint::OllamaChat => (
                "/api/chat",
                json!({ "model": model, "messages": messages, "stream": false, "options": {"num_predict": 1} }),
            ),
        };
        Self {
            path,
            body,
            is_vital: true,
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

impl Loaded {
    /// What is to be said about a model of which a part is not in the memory of the GPUs that there are.
    pub fn remark(self, model: &str) -> Option<String> {
        let beside = self.bytes.saturating_sub(self.gpu_bytes);
        (beside > 0).then(|| {
            let mib = |bytes: u64| bytes >> 20;
            format!(
                "{} MiB of the {} MiB of {model} are not in the GPUs' memory, so that a part of it runs on CPUs: give it more \
                 GPU memory, a smaller context_length or num_parallel",
                mib(beside),
                mib(self.bytes)
            )
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_partly_beside_the_gpus_is_remarked_on() {
        let loaded = |gpu_bytes: u64| Loaded {
            bytes: 8 << 30,
            gpu_bytes,
        };
        assert_eq!(loaded(8 << 30).remark("m:1"), None);
        let remark = loaded(6 << 30).remark("m:1").unwrap();
        assert!(
            remark.starts_with("2048 MiB of the 8192 MiB of m:1 are not"),
            "{remark}"
        );
    }

    #[test]
    fn each_endpoint_is_asked_in_its_own_words() {
        for (endpoint, path, most) in [
            (Endpoint::Chat, "/v1/chat/completions", "/max_tokens"),
            (Endpoint::Completions, "/v1/completions", "/max_tokens"),
            (Endpoint::Generate, "/api/generate", "/options/num_predict"),
            (Endpoint::OllamaChat, "/api/chat", "/options/num_predict"),
        ] {
            let request = FirstRequest::as_said(endpoint, "m");
            assert_eq!((request.path, request.is_vital), (path, false));
            assert_eq!(request.body.pointer(most), Some(&json!(1)), "{}", request.body);
            assert_eq!(request.body["model"], "m");
        }
    }
}
