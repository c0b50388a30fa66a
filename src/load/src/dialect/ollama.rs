//! Ollama's own generate and chat.

use std::collections::BTreeMap;

use hpcbench_records::EventKind;
use serde::Deserialize;

use super::text::{Parts, Text, bytes_of};
use super::{Message, Usage, not_json};
use crate::fault::{Fault, MAX_ERROR_TEXT, shorten};

/// A line of a stream, or a whole response. The counts and durations are absent when they are zero.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    response: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    #[serde(borrow)]
    message: Option<Parts<'a>>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: Option<u32>,
    eval_count: Option<u32>,
    total_duration: Option<u64>,
    load_duration: Option<u64>,
    prompt_eval_duration: Option<u64>,
    eval_duration: Option<u64>,
    #[serde(borrow)]
    error: Text<'a>,
}

pub(super) fn read(data: &[u8]) -> Result<Message, Fault> {
    let line: Line<'_> =
        serde_json::from_slice(data).map_err(|error| not_json("not a line of JSON", &error))?;
    if line.error.is_some() {
        let text = super::openai::error_message(data).unwrap_or_else(|| shorten(data, MAX_ERROR_TEXT));
        return Ok(Message {
            kind: EventKind::ERROR,
            error: Some(text),
            ..Message::default()
        });
    }
    let (mut kind, mut text_bytes) = line.message.as_ref().map(Parts::weigh).unwrap_or_default();
    for (sort, text) in [
        (EventKind::CONTENT, line.response),
        (EventKind::REASONING, line.thinking),
    ] {
        let bytes = bytes_of(text);
        if bytes > 0 {
            kind = kind.with(sort);
            text_bytes = text_bytes.saturating_add(bytes);
        }
    }
    kind = kind.with(EventKind::CHOICES);
    if line.done_reason.is_some() {
        kind = kind.with(EventKind::FINISH);
    }
    let usage = line.done.then_some(Usage {
        input: line.prompt_eval_count,
        output: line.eval_count,
        ..Usage::default()
    });
    if line.done {
        kind = kind.with(EventKind::DONE);
    }
    if line.eval_count.is_some() {
        kind = kind.with(EventKind::USAGE);
    }
    let server_ns = line.durations();
    Ok(Message {
        kind,
        text_bytes,
        usage,
        finish_reason: line.done_reason,
        server_ns,
        error: None,
    })
}

impl Line<'_> {
    /// Only the last line of a stream has any; for the others nothing is allocated.
    fn durations(&self) -> BTreeMap<String, u64> {
        let named = [
            ("total_duration", self.total_duration),
            ("load_duration", self.load_duration),
            ("prompt_eval_duration", self.prompt_eval_duration),
            ("eval_duration", self.eval_duration),
        ];
        let given = named
            .into_iter()
            .filter_map(|(name, nanos)| nanos.map(|nanos| (name.to_owned(), nanos)));
        given.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_generate_and_chat() {
        for (json, bits, bytes) in [
            (
                r#"{"model":"m","created_at":"t","response":" a","done":false}"#,
                1 | 2,
                2,
            ),
            (
                r#"{"model":"m","created_at":"t","response":"","thinking":"hm","done":false}"#,
                1 | 4,
                2,
            ),
            (
                r#"{"model":"m","message":{"role":"assistant","content":"x"},"done":false}"#,
                1 | 2,
                1,
            ),
            (
                r#"{"message":{"role":"assistant","content":"","thinking":"y"},"done":false}"#,
                1 | 4,
                1,
            ),
            (
                r#"{"message":{"role":"a","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]}}"#,
                1 | 8,
                8,
            ),
            (r#"{"response":"","done":false}"#, 1, 0),
        ] {
            let message = read(json.as_bytes()).unwrap();
            assert_eq!((message.kind.0, message.text_bytes), (bits, bytes), "{json}");
            assert_eq!(message.usage, None);
        }
    }

    #[test]
    fn the_last_line_counts() {
        let json = br#"{"response":"","done":true,"done_reason":"stop","total_duration":9,"eval_duration":4,"eval_count":3}"#;
        let message = read(json).unwrap();
        assert_eq!(message.kind.0, 1 | 32 | 64 | 128);
        assert_eq!(
            message.usage,
            Some(Usage {
                output: Some(3),
                ..Usage::default()
            })
        );
        assert_eq!(
            message.server_ns,
            BTreeMap::from([("total_duration".into(), 9), ("eval_duration".into(), 4)])
        );
        // All counts and durations may be absent.
        let message = read(br#"{"response":"","done":true}"#).unwrap();
        assert_eq!((message.kind.0, message.server_ns.len()), (1 | 128, 0));
    }

    #[test]
    fn errors_are_reported() {
        let message = read(br#"{"error":"model not found"}"#).unwrap();
        assert_eq!(
            (message.kind, message.error.as_deref()),
            (EventKind::ERROR, Some("model not found"))
        );
        assert!(read(b"<html>").is_err());
    }
}
