//! The list of models that a server has.

use serde::Deserialize;

/// Where a server lists its models, in OpenAI's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelList {
    /// Path below the endpoint's base path.
    pub path: String,
    /// Whether a model that is not listed cannot be asked for. Some servers take any name.
    pub is_complete: bool,
}

/// An answer that is no list of models.
#[derive(Debug, thiserror::Error)]
#[error("the service's list of models cannot be read")]
pub struct InvalidModelList(#[from] serde_json::Error);

impl ModelList {
    /// The models' names in a response's body.
    pub fn names(&self, body: &[u8]) -> Result<Vec<String>, InvalidModelList> {
        #[derive(Deserialize)]
        struct List {
            data: Vec<Model>,
        }
        #[derive(Deserialize)]
        struct Model {
            id: String,
        }
        let list: List = serde_json::from_slice(body)?;
        Ok(list.data.into_iter().map(|model| model.id).collect())
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
}
