//! The list of models that a server has.

use serde::Deserialize;
use serde_json::Value;

/// Where a server lists its models, in OpenAI's form or in Ollama's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelList {
    /// Path below the endpoint's base path.
    pub path: String,
    /// Whether a model that is not listed cannot be asked for, and the list has to be there. Some servers take any name.
    pub is_complete: bool,
}

/// Ollama's lists of models: those that are there, and those that are loaded.
#[derive(Deserialize)]
pub(crate) struct OllamaModels {
    pub(crate) models: Vec<OllamaModel>,
}

/// A model in one of Ollama's lists.
#[derive(Deserialize)]
pub(crate) struct OllamaModel {
    pub(crate) name: String,
    /// Bytes of a loaded model, and how many of them are in the memory of GPUs. Absent when zero.
    #[serde(default)]
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) size_vram: u64,
}

/// An answer that is no list of models.
#[derive(Debug, thiserror::Error)]
#[error("the service's list of models cannot be read")]
pub struct InvalidModelList(#[from] serde_json::Error);

impl ModelList {
    /// The models' names in a response's body.
    pub fn names(&self, body: &[u8]) -> Result<Vec<String>, InvalidModelList> {
        #[derive(Deserialize)]
        struct OpenAi {
            data: Vec<Id>,
        }
        #[derive(Deserialize)]
        struct Id {
            id: String,
        }
        let document: Value = serde_json::from_slice(body)?;
        // llama.cpp's list has both forms; OpenAI's has the names that requests carry.
        if document.get("data").is_none() && document.get("models").is_some() {
            let tags = OllamaModels::deserialize(&document)?;
            return Ok(tags.models.into_iter().map(|model| model.name).collect());
        }
        let list = OpenAi::deserialize(&document)?;
        Ok(list.data.into_iter().map(|model| model.id).collect())
    }

    /// Whether a server with these models cannot serve the wanted one.
    pub fn lacks(&self, names: &[String], model: &str) -> bool {
        self.is_complete && !names.iter().any(|name| name == model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_openai_lists() {
        let list = ModelList {
            path: "/v1/models".to_owned(),
            is_complete: true,
        };
        let body = br#"{"object": "list", "data": [{"id": "a", "object": "model"}, {"id": "b"}]}"#;
        assert_eq!(list.names(body).unwrap(), ["a", "b"]);
        assert!(list.names(b"{}").is_err());
        assert!(list.names(b"<html>").is_err());
    }

    #[test]
    fn reads_lists_of_ollama_and_of_llama_cpp() {
        let list = ModelList {
            path: "/api/tags".to_owned(),
            is_complete: true,
        };
        let tags =
            br#"{"models":[{"name":"llama3.1:8b","model":"llama3.1:8b","size":4920753328,"digest":"46e0"}]}"#;
        assert_eq!(list.names(tags).unwrap(), ["llama3.1:8b"]);
        assert!(list.names(br#"{"models":[]}"#).unwrap().is_empty());
        let both = br#"{"models":[{"name":"file.gguf","size":""}],"object":"list","data":[{"id":"tiny"}]}"#;
        assert_eq!(list.names(both).unwrap(), ["tiny"]);
        assert!(
            list.lacks(&[], "a") && list.lacks(&["b".to_owned()], "a") && !list.lacks(&["a".to_owned()], "a")
        );
    }
}
