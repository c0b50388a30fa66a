//! What clients can ask for: paths, request bodies and error bodies of both dialects.

mod error;
mod generation;
mod ollama;
mod openai;
mod prompt;
mod route;

pub(crate) use error::ApiError;
pub(crate) use generation::{Delivery, Dialect, Endpoint, GenerationRequest, Wanted};
pub(crate) use ollama::{read_generation as read_ollama, read_pull};
pub(crate) use openai::read_generation as read_openai;
pub(crate) use route::{Page, Route, route};
