//! What a response amounts to.

use std::collections::BTreeMap;

use hpcbench_records::{ErrorKind, EventKind};

use super::StreamEvent;
use crate::dialect::{CONTENT_ALONE, Message, Usage};
use crate::fault::{Fault, shorten};

/// Longest finish reason that is kept, in bytes.
const MAX_FINISH_REASON: usize = 64;

/// What a response has said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Summary {
    /// Status code.
    pub(crate) http_status: Option<u16>,
    /// The message of a response with an error status.
    pub(crate) error_body: Option<String>,
    /// An error inside a response with status 200.
    pub(crate) server_error: Option<String>,
    /// The last reason why generation ended.
    pub(crate) finish_reason: Option<String>,
    /// The last token counts.
    pub(crate) usage: Usage,
    /// Durations that the server reports about itself, nanoseconds by name.
    pub(crate) server_ns: BTreeMap<String, u64>,
    /// Events so far.
    pub(crate) events: usize,
    /// Token-carrying events so far.
    pub(crate) token_chunks: u32,
    /// The end mark has come.
    done_mark: bool,
    /// A whole document with text has come.
    document_text: bool,
}

impl Summary {
    /// Takes an event in that is content and nothing else.
    pub(super) fn add_content(&mut self, text_bytes: u32) -> StreamEvent {
        self.token_chunks += 1;
        StreamEvent {
            kind: CONTENT_ALONE,
            text_bytes,
            tokens: None,
        }
    }

    /// Takes an event of a stream in, and says what is kept of the event itself.
    pub(super) fn add_event(&mut self, message: Message) -> StreamEvent {
        let kind = message.kind;
        let counted = message.usage.and_then(|usage| usage.output);
        // Counts that come with the tokens go on from event to event; one that comes alone is the sum.
        let tokens = match counted {
            Some(count) if kind.carries_tokens() => {
                Some(count.saturating_sub(self.usage.output.unwrap_or(0)))
            }
            _ => None,
        };
        if kind.carries_tokens() {
            self.token_chunks += 1;
        }
        self.done_mark |= kind.contains(EventKind::DONE);
        let text_bytes = message.text_bytes;
        self.add(message);
        StreamEvent {
            kind,
            text_bytes,
            tokens,
        }
    }

    /// Takes a whole response in.
    pub(super) fn add_document(&mut self, message: &Message) {
        self.done_mark = true;
        self.document_text = message.kind.carries_tokens();
        self.add(message.clone());
    }

    fn add(&mut self, message: Message) {
        if let Some(usage) = message.usage {
            self.usage.update(usage);
        }
        if let Some(reason) = message.finish_reason {
            self.finish_reason = Some(shorten(reason.as_bytes(), MAX_FINISH_REASON));
        }
        self.server_error = self.server_error.take().or(message.error);
        self.server_ns.extend(message.server_ns);
    }

    /// Whether the server has said that nothing more comes.
    pub(crate) fn is_done(&self) -> bool {
        self.done_mark
    }

    /// The failure that the server has told of, if it has.
    pub(super) fn failure(&self) -> Option<Fault> {
        match (self.http_status, &self.server_error) {
            (Some(200..=299) | None, None) => None,
            (Some(200..=299) | None, Some(error)) => Some(Fault::new(ErrorKind::Server, error.clone())),
            (Some(status), _) => {
                let text = self.error_body.as_deref().unwrap_or_default();
                Some(bad_status(status, text))
            }
        }
    }

    /// Whether a complete response is a success, for a request that asked for `output_planned` tokens.
    pub(crate) fn verdict(&self, output_planned: u32) -> Result<(), Fault> {
        if let Some(fault) = self.failure() {
            return Err(fault);
        }
        if !self.done_mark && self.finish_reason.is_none() {
            return Err(Fault::new(
                ErrorKind::CutStream,
                "the stream ended without a finish reason or an end mark",
            ));
        }
        if self.token_chunks == 0 && !self.document_text && output_planned > 0 {
            return Err(Fault::new(
                ErrorKind::Empty,
                "a complete response without any token",
            ));
        }
        Ok(())
    }
}

/// A response with an error status, and what the server said with it.
pub(super) fn bad_status(status: u16, text: &str) -> Fault {
    Fault::new(ErrorKind::HttpStatus, format!("status {status}: {text}"))
}
