//! The services' languages: request bodies, and what the events of a response mean.

mod events;
mod ollama;
mod openai;
mod request;
mod text;

use std::collections::BTreeMap;

use hpcbench_records::EventKind;

pub(crate) use events::{CONTENT_ALONE, Event, EventReader};
pub(crate) use request::{BodyTemplate, prompt_frame, push_number};
pub(crate) use text::{append_answer, text_of};

use crate::fault::{Fault, MAX_ERROR_TEXT, shorten};
use crate::spec::Dialect;

/// What one event of a stream, or a whole response, says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Message {
    /// What it carries.
    pub(crate) kind: EventKind,
    /// Bytes of generated text.
    pub(crate) text_bytes: u32,
    /// Token counts, where given.
    pub(crate) usage: Option<Usage>,
    /// The reason why generation ended.
    pub(crate) finish_reason: Option<String>,
    /// Durations that the server reports about itself, nanoseconds by name.
    pub(crate) server_ns: BTreeMap<String, u64>,
    /// An error that the server reports.
    pub(crate) error: Option<String>,
}

/// Token counts as a server gives them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) input: Option<u32>,
    pub(crate) cached_input: Option<u32>,
    pub(crate) output: Option<u32>,
    pub(crate) reasoning: Option<u32>,
}

impl Usage {
    /// Later counts replace earlier ones; what is not given again stays.
    pub(crate) fn update(&mut self, later: Self) {
        self.input = later.input.or(self.input);
        self.cached_input = later.cached_input.or(self.cached_input);
        self.output = later.output.or(self.output);
        self.reasoning = later.reasoning.or(self.reasoning);
    }
}

/// Reads a whole response that was no stream.
pub(crate) fn read_document(dialect: Dialect, body: &[u8]) -> Result<Message, Fault> {
    match dialect {
        Dialect::Chat | Dialect::Completions => openai::read(body),
        Dialect::Generate | Dialect::OllamaChat => ollama::read(body),
    }
}

/// The message of an error response in any of the usual shapes, else the start of the body.
pub(crate) fn error_text(body: &[u8]) -> String {
    openai::error_message(body).unwrap_or_else(|| shorten(body, MAX_ERROR_TEXT))
}

fn not_json(what: &str, error: &serde_json::Error) -> Fault {
    Fault::malformed(format!("{what}: {error}"))
}
