//! What responses look like on the wire, per dialect. Payloads only: chunk framing belongs to HTTP.

mod ollama;
mod openai;
mod text;

use hpcbench_timing::Realtime;
use serde_json::Value;

use crate::api::{ApiError, Dialect, Endpoint};
use crate::config::RoleChunk;
use ollama::OllamaRenderer;
pub(crate) use ollama::{Durations, load_line, pull_lines, rfc3339};
use openai::OpenAiRenderer;

/// What the writer of a response knows from the start.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) model: &'a str,
    /// Counts the requests of this service.
    pub(crate) ordinal: u64,
    pub(crate) created: Realtime,
    pub(crate) role_chunk: RoleChunk,
}

/// What the writer of a response knows at its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) prompt_tokens: u32,
    pub(crate) tokens: u32,
    pub(crate) finish: FinishReason,
    /// Whether to tell the token counts.
    pub(crate) usage: bool,
    pub(crate) durations: Durations,
    pub(crate) wall: Realtime,
}

/// Why the generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FinishReason {
    Length,
    Stop,
}

impl FinishReason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Stop => "stop",
        }
    }
}

/// Writes one response.
#[derive(Debug)]
pub(crate) enum Renderer {
    OpenAi(OpenAiRenderer),
    Ollama(OllamaRenderer),
}

impl Renderer {
    pub(crate) fn new(header: &Header<'_>) -> Self {
        match header.endpoint {
            Endpoint::Chat | Endpoint::Completions => Self::OpenAi(OpenAiRenderer::new(header)),
            Endpoint::OllamaGenerate | Endpoint::OllamaChat => Self::Ollama(OllamaRenderer::new(header)),
        }
    }

    /// Media type of the stream.
    pub(crate) const fn media_type(&self) -> &'static str {
        match self {
            Self::OpenAi(_) => "text/event-stream; charset=utf-8",
            Self::Ollama(_) => "application/x-ndjson",
        }
    }

    /// The chunk before the first token; nothing, where there is none.
    pub(crate) fn opening(&self, out: &mut Vec<u8>) {
        match self {
            Self::OpenAi(renderer) => renderer.opening(out),
            Self::Ollama(_) => {}
        }
    }

    /// The chunk with tokens `first` to `first + count - 1`.
    pub(crate) fn tokens(&self, out: &mut Vec<u8>, first: u32, count: u32, wall: Realtime) {
        match self {
            Self::OpenAi(renderer) => renderer.tokens(out, first, count),
            Self::Ollama(renderer) => renderer.tokens(out, first, count, wall),
        }
    }

    /// An event that is no JSON.
    pub(crate) fn malformed(&self, out: &mut Vec<u8>) {
        self.event(out, br#"{"choices": [{"delta": {"content": "brok"#);
    }

    /// An error in the middle of the stream, and what follows it.
    pub(crate) fn error_event(&self, out: &mut Vec<u8>, error: &ApiError) {
        let dialect = match self {
            Self::OpenAi(_) => Dialect::OpenAi,
            Self::Ollama(_) => Dialect::Ollama,
        };
        self.event(out, error.value(dialect).to_string().as_bytes());
    }

    /// The payloads after the last token, each a chunk of its own.
    pub(crate) fn closing(&self, totals: &Totals) -> Vec<Vec<u8>> {
        match self {
            Self::OpenAi(renderer) => renderer.closing(totals),
            Self::Ollama(renderer) => vec![renderer.closing(totals)],
        }
    }

    /// What ends a stream that has no events: OpenAI's end marker, nothing for Ollama.
    pub(crate) const fn bare_end(&self) -> &'static [u8] {
        match self {
            Self::OpenAi(_) => openai::DONE,
            Self::Ollama(_) => b"",
        }
    }

    /// The whole result in one body.
    pub(crate) fn whole(&self, totals: &Totals) -> Value {
        match self {
            Self::OpenAi(renderer) => renderer.whole(totals),
            Self::Ollama(renderer) => renderer.whole(totals),
        }
    }

    fn event(&self, out: &mut Vec<u8>, json: &[u8]) {
        let (before, after): (&[u8], &[u8]) = match self {
            Self::OpenAi(_) => (b"data: ", b"\n\n"),
            Self::Ollama(_) => (b"", b"\n"),
        };
        out.extend_from_slice(before);
        out.extend_from_slice(json);
        out.extend_from_slice(after);
    }
}
