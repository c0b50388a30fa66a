//! Chat and completion results in OpenAI's form: server-sent events, or one object.

use serde_json::{Value, json};

use super::{Header, Totals, text};
use crate::api::Endpoint;
use crate::config::RoleChunk;

/// The event that ends every stream.
pub(super) const DONE: &[u8] = b"data: [DONE]\n\n";

/// What follows the text in a chunk with tokens.
const CHAT_SUFFIX: &[u8] = b"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
const TEXT_SUFFIX: &[u8] = b"\",\"logprobs\":null,\"finish_reason\":null}]}\n\n";

/// Writes one response. Chunks with tokens are put together from ready-made parts: they are the bulk of the work.
#[derive(Debug)]
pub(crate) struct OpenAiRenderer {
    chat: bool,
    role_chunk: RoleChunk,
    /// `data: {"id":…,"model":…`, up to but without `,"choices"`.
    event_start: String,
    /// `event_start` up to the text of a token.
    token_prefix: String,
    id: String,
    created: i64,
    model: String,
}

impl OpenAiRenderer {
    pub(super) fn new(header: &Header<'_>) -> Self {
        let chat = header.endpoint == Endpoint::Chat;
        let (kind, object) = if chat {
            ("chatcmpl", "chat.completion.chunk")
        } else {
            ("cmpl", "text_completion")
        };
        let id = format!("{kind}-{:016x}", header.ordinal);
        let created = header.created.0 / 1_000_000_000;
        let model = Value::from(header.model);
        let event_start =
            format!(r#"data: {{"id":"{id}","object":"{object}","created":{created},"model":{model}"#);
        let text_start = if chat {
            r#""delta":{"content":""#
        } else {
            r#""text":""#
        };
        let token_prefix = format!(r#"{event_start},"choices":[{{"index":0,{text_start}"#);
        let model = header.model.to_owned();
        Self {
            chat,
            role_chunk: header.role_chunk,
            event_start,
            token_prefix,
            id,
            created,
            model,
        }
    }

    pub(super) fn opening(&self, out: &mut Vec<u8>) {
        let content = match self.role_chunk {
            _ if !self.chat => return,
            RoleChunk::None => return,
            RoleChunk::Empty => r#""""#,
            RoleChunk::Null => "null",
        };
        let choice = format!(
            r#"{{"index":0,"delta":{{"role":"assistant","content":{content}}},"logprobs":null,"finish_reason":null}}"#
        );
        out.extend_from_slice(&self.event(&choice, ""));
    }

    pub(super) fn tokens(&self, out: &mut Vec<u8>, first: u32, count: u32) {
        if first == 0 && self.chat && self.role_chunk == RoleChunk::None {
            out.extend_from_slice(self.event_start.as_bytes());
            out.extend_from_slice(br#","choices":[{"index":0,"delta":{"role":"assistant","content":""#);
        } else {
            out.extend_from_slice(self.token_prefix.as_bytes());
        }
        text::append(out, first, count);
        out.extend_from_slice(if self.chat { CHAT_SUFFIX } else { TEXT_SUFFIX });
    }

    /// The finish reason, the token counts if wanted, and the end marker.
    pub(super) fn closing(&self, totals: &Totals) -> Vec<Vec<u8>> {
        let finish = totals.finish.as_str();
        let empty = if self.chat {
            r#""delta":{}"#
        } else {
            r#""text":"""#
        };
        let choice = format!(r#"{{"index":0,{empty},"logprobs":null,"finish_reason":"{finish}"}}"#);
        let mut payloads = vec![self.event(&choice, "")];
        if totals.usage {
            payloads.push(self.event("", &format!(r#","usage":{}"#, usage(totals))));
        }
        payloads.push(DONE.to_vec());
        payloads
    }

    pub(super) fn whole(&self, totals: &Totals) -> Value {
        let content = text::all(totals.tokens);
        let finish = totals.finish.as_str();
        let choice = if self.chat {
            json!({ "index": 0, "message": { "role": "assistant", "content": content }, "logprobs": null,
                    "finish_reason": finish })
        } else {
            json!({ "index": 0, "text": content, "logprobs": null, "finish_reason": finish })
        };
        let mut result = json!({
            "id": self.id,
            "object": if self.chat { "chat.completion" } else { "text_completion" },
            "created": self.created,
            "model": self.model,
            "choices": [choice],
        });
        if let (true, Some(fields)) = (totals.usage, result.as_object_mut()) {
            fields.insert("usage".to_owned(), usage(totals));
        }
        result
    }

    fn event(&self, choices: &str, rest: &str) -> Vec<u8> {
        format!("{},\"choices\":[{choices}]{rest}}}\n\n", self.event_start).into_bytes()
    }
}

fn usage(totals: &Totals) -> Value {
    json!({
        "prompt_tokens": totals.prompt_tokens,
        "completion_tokens": totals.tokens,
        "total_tokens": totals.prompt_tokens + totals.tokens,
    })
}

#[cfg(test)]
mod tests {
    use hpcbench_timing::Realtime;

    use super::super::{Durations, FinishReason};
    use super::*;

    fn renderer(endpoint: Endpoint, role_chunk: RoleChunk) -> OpenAiRenderer {
        OpenAiRenderer::new(&Header {
            endpoint,
            model: "a \"model\"",
            ordinal: 255,
            created: Realtime(1_764_016_496_000_000_001),
            role_chunk,
        })
    }

    fn totals(usage: bool) -> Totals {
        Totals {
            prompt_tokens: 5,
            tokens: 2,
            finish: FinishReason::Length,
            usage,
            durations: Durations::default(),
            wall: Realtime(0),
        }
    }

    fn event(payload: &[u8]) -> Value {
        let text = std::str::from_utf8(payload).unwrap();
        let json = text
            .strip_prefix("data: ")
            .and_then(|rest| rest.strip_suffix("\n\n"))
            .unwrap();
        serde_json::from_str(json).unwrap()
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn chat_chunks() {
        let renderer = renderer(Endpoint::Chat, RoleChunk::Empty);
        let opening = event(&written(|out| renderer.opening(out)));
        assert_eq!(
            opening["choices"][0]["delta"],
            json!({ "role": "assistant", "content": "" })
        );
        let tokens = event(&written(|out| renderer.tokens(out, 0, 2)));
        assert_eq!(
            tokens,
            json!({ "id": "chatcmpl-00000000000000ff", "object": "chat.completion.chunk", "created": 1_764_016_496,
                    "model": "a \"model\"", "choices": [{ "index": 0, "delta": { "content": " the quick" },
                    "logprobs": null, "finish_reason": null }] })
        );
        let closing = renderer.closing(&totals(true));
        assert_eq!(event(&closing[0])["choices"][0]["finish_reason"], "length");
        assert_eq!(event(&closing[0])["choices"][0]["delta"], json!({}));
        assert_eq!(event(&closing[1])["choices"], json!([]));
        assert_eq!(
            event(&closing[1])["usage"],
            json!({ "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7 })
        );
        assert_eq!(closing[2], DONE);
        assert_eq!(renderer.closing(&totals(false)).len(), 2);
    }

    #[test]
    fn the_role_comes_in_three_ways() {
        let null = renderer(Endpoint::Chat, RoleChunk::Null);
        let opening = event(&written(|out| null.opening(out)));
        assert_eq!(opening["choices"][0]["delta"]["content"], Value::Null);
        let none = renderer(Endpoint::Chat, RoleChunk::None);
        assert!(written(|out| none.opening(out)).is_empty());
        let first = event(&written(|out| none.tokens(out, 0, 1)));
        assert_eq!(
            first["choices"][0]["delta"],
            json!({ "role": "assistant", "content": " the" })
        );
        let second = event(&written(|out| none.tokens(out, 1, 1)));
        assert_eq!(second["choices"][0]["delta"], json!({ "content": " quick" }));
    }

    #[test]
    fn completion_chunks() {
        let renderer = renderer(Endpoint::Completions, RoleChunk::Empty);
        assert!(written(|out| renderer.opening(out)).is_empty());
        let tokens = event(&written(|out| renderer.tokens(out, 1, 1)));
        assert_eq!(
            (&tokens["object"], &tokens["choices"][0]["text"]),
            (&json!("text_completion"), &json!(" quick"))
        );
        assert_eq!(
            event(&renderer.closing(&totals(false))[0])["choices"][0]["text"],
            ""
        );
    }

    #[test]
    fn whole_results() {
        let chat = renderer(Endpoint::Chat, RoleChunk::Empty).whole(&totals(true));
        assert_eq!(chat["object"], "chat.completion");
        assert_eq!(chat["choices"][0]["message"]["content"], " the quick");
        assert_eq!(chat["usage"]["completion_tokens"], 2);
        let text = renderer(Endpoint::Completions, RoleChunk::Empty).whole(&totals(false));
        assert_eq!(text["choices"][0]["text"], " the quick");
        assert_eq!(text.get("usage"), None);
    }
}
