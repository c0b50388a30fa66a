//! Refusals, and how each dialect words them.

use serde_json::{Value, json};

use super::generation::Dialect;
use crate::http::Body;

/// A request that is answered with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// A request that contradicts the API.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// The error object as `dialect` writes it.
    pub(crate) fn value(&self, dialect: Dialect) -> Value {
        match dialect {
            Dialect::Ollama => json!({ "error": self.message }),
            Dialect::OpenAi => json!({ "error": {
                "message": self.message, "type": self.kind(), "param": null, "code": self.status,
            } }),
        }
    }

    pub(crate) fn body(&self, dialect: Dialect) -> Body {
        Body {
            media_type: "application/json",
            bytes: self.value(dialect).to_string().into_bytes(),
        }
    }

    const fn kind(&self) -> &'static str {
        match self.status {
            400 => "BadRequestError",
            404 => "NotFoundError",
            429 => "RateLimitError",
            503 => "ServiceUnavailableError",
            500..=599 => "InternalServerError",
            _ => "InvalidRequestError",
        }
    }
}

/// A body that is no JSON, or not the JSON that was expected.
impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        Self::bad_request(format!("the request body cannot be read: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_its_own_shape() {
        let error = ApiError::new(404, "model 'x' not found");
        assert_eq!(
            error.value(Dialect::Ollama),
            json!({ "error": "model 'x' not found" })
        );
        assert_eq!(error.value(Dialect::OpenAi)["error"]["type"], "NotFoundError");
        assert_eq!(error.value(Dialect::OpenAi)["error"]["code"], 404);
    }
}
