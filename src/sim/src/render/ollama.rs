//! Results in Ollama's form: JSON lines, or one object. Fields that are zero are left out, as Ollama does.

use hpcbench_timing::Realtime;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Header, Totals, text};
use crate::api::Endpoint;

/// Size that the pretended model file has, in bytes.
const MODEL_BYTES: u64 = 4_000_000_000;
/// Progress lines of a pull.
const PULL_STEPS: u64 = 4;

/// Times of the last line, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Durations {
    #[serde(rename = "total_duration", skip_serializing_if = "is_zero")]
    pub(crate) total: u64,
    #[serde(rename = "load_duration", skip_serializing_if = "is_zero")]
    pub(crate) load: u64,
    #[serde(rename = "prompt_eval_duration", skip_serializing_if = "is_zero")]
    pub(crate) prompt_eval: u64,
    #[serde(rename = "eval_duration", skip_serializing_if = "is_zero")]
    pub(crate) eval: u64,
}

/// Writes one response.
#[derive(Debug)]
pub(crate) struct OllamaRenderer {
    chat: bool,
    model: String,
    /// `{"model":…,"created_at":"`
    prefix: String,
}

/// The last line, or the whole result.
#[derive(Serialize)]
struct Final<'a> {
    model: &'a str,
    created_at: String,
    #[serde(flatten)]
    content: Value,
    done: bool,
    done_reason: &'static str,
    #[serde(flatten)]
    durations: Durations,
    #[serde(skip_serializing_if = "is_zero")]
    prompt_eval_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    eval_count: u64,
}

impl OllamaRenderer {
    pub(super) fn new(header: &Header<'_>) -> Self {
        let prefix = format!(r#"{{"model":{},"created_at":""#, Value::from(header.model));
        Self {
            chat: header.endpoint == Endpoint::OllamaChat,
            model: header.model.to_owned(),
            prefix,
        }
    }

    pub(super) fn tokens(&self, out: &mut Vec<u8>, first: u32, count: u32, wall: Realtime) {
        let (before, after): (&[u8], &[u8]) = if self.chat {
            (
                br#"","message":{"role":"assistant","content":""#,
                b"\"},\"done\":false}\n",
            )
        } else {
            (br#"","response":""#, b"\",\"done\":false}\n")
        };
        out.extend_from_slice(self.prefix.as_bytes());
        out.extend_from_slice(rfc3339(wall).as_bytes());
        out.extend_from_slice(before);
        text::append(out, first, count);
        out.extend_from_slice(after);
    }

    pub(super) fn closing(&self, totals: &Totals) -> Vec<u8> {
        line(&self.finale(totals, ""))
    }

    pub(super) fn whole(&self, totals: &Totals) -> Value {
        self.finale(totals, &text::all(totals.tokens))
    }

    fn finale(&self, totals: &Totals, text: &str) -> Value {
        let (prompt, tokens) = if totals.usage {
            (totals.prompt_tokens, totals.tokens)
        } else {
            (0, 0)
        };
        let finale = Final {
            model: &self.model,
            created_at: rfc3339(totals.wall),
            content: content(self.chat, text),
            done: true,
            done_reason: totals.finish.as_str(),
            durations: totals.durations,
            prompt_eval_count: u64::from(prompt),
            eval_count: u64::from(tokens),
        };
        // Strings and numbers always serialise.
        serde_json::to_value(finale).unwrap_or_default()
    }
}

/// The answer to a request that only loads or unloads a model.
pub(crate) fn load_line(endpoint: Endpoint, model: &str, wall: Realtime, reason: &str) -> Vec<u8> {
    let mut value = content(endpoint == Endpoint::OllamaChat, "");
    if let Some(fields) = value.as_object_mut() {
        fields.insert("model".to_owned(), model.into());
        fields.insert("created_at".to_owned(), rfc3339(wall).into());
        fields.insert("done".to_owned(), true.into());
        fields.insert("done_reason".to_owned(), reason.into());
    }
    line(&value)
}

/// The lines that tell the progress of a pull, from the manifest to success.
pub(crate) fn pull_lines(digest: &str) -> Vec<Vec<u8>> {
    let mut lines = vec![line(&json!({ "status": "pulling manifest" }))];
    let short = digest.get(7..19).unwrap_or(digest);
    for step in 0..=PULL_STEPS {
        let mut value =
            json!({ "status": format!("pulling {short}"), "digest": digest, "total": MODEL_BYTES });
        let completed = MODEL_BYTES / PULL_STEPS * step;
        // Zero is left out here too.
        if let (true, Some(fields)) = (completed > 0, value.as_object_mut()) {
            fields.insert("completed".to_owned(), completed.into());
        }
        lines.push(line(&value));
    }
    for status in ["verifying sha256 digest", "writing manifest", "success"] {
        lines.push(line(&json!({ "status": status })));
    }
    lines
}

/// A time as Ollama writes it.
pub(crate) fn rfc3339(wall: Realtime) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(wall.0))
        .map_or_else(|_| String::new(), |time| format!("{time:.9}"))
}

fn content(chat: bool, text: &str) -> Value {
    if chat {
        json!({ "message": { "role": "assistant", "content": text } })
    } else {
        json!({ "response": text })
    }
}

fn line(value: &Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::super::FinishReason;
    use super::*;
    use crate::config::RoleChunk;

    const WALL: Realtime = Realtime(1_764_016_496_000_000_001);
    const SHOWN: &str = "2025-11-24T20:34:56.000000001Z";

    fn renderer(endpoint: Endpoint) -> OllamaRenderer {
        OllamaRenderer::new(&Header {
            endpoint,
            model: "llama3.1:8b",
            ordinal: 1,
            created: WALL,
            role_chunk: RoleChunk::Empty,
        })
    }

    fn totals(durations: Durations) -> Totals {
        Totals {
            prompt_tokens: 3,
            tokens: 2,
            finish: FinishReason::Stop,
            usage: true,
            durations,
            wall: WALL,
        }
    }

    fn parsed(line: &[u8]) -> Value {
        assert_eq!(line.last(), Some(&b'\n'));
        serde_json::from_slice(line).unwrap()
    }

    #[test]
    fn token_lines() {
        let mut out = Vec::new();
        renderer(Endpoint::OllamaGenerate).tokens(&mut out, 0, 1, WALL);
        let expected =
            json!({ "model": "llama3.1:8b", "created_at": SHOWN, "response": " the", "done": false });
        assert_eq!(parsed(&out), expected);
        out.clear();
        renderer(Endpoint::OllamaChat).tokens(&mut out, 1, 1, WALL);
        let message = json!({ "role": "assistant", "content": " quick" });
        let expected =
            json!({ "model": "llama3.1:8b", "created_at": SHOWN, "message": message, "done": false });
        assert_eq!(parsed(&out), expected);
    }

    #[test]
    fn the_last_line_leaves_out_zeros() {
        let durations = Durations {
            total: 9,
            load: 0,
            prompt_eval: 4,
            eval: 5,
        };
        let last = parsed(&renderer(Endpoint::OllamaGenerate).closing(&totals(durations)));
        assert_eq!(
            last,
            json!({ "model": "llama3.1:8b", "created_at": SHOWN, "response": "", "done": true, "done_reason": "stop",
                    "total_duration": 9, "prompt_eval_duration": 4, "eval_duration": 5, "prompt_eval_count": 3,
                    "eval_count": 2 })
        );
        let hidden = Totals {
            usage: false,
            ..totals(durations)
        };
        let last = parsed(&renderer(Endpoint::OllamaChat).closing(&hidden));
        assert_eq!(
            (last.get("eval_count"), last.get("prompt_eval_count")),
            (None, None)
        );
    }

    #[test]
    fn whole_results_have_the_text() {
        let whole = renderer(Endpoint::OllamaChat).whole(&totals(Durations::default()));
        assert_eq!(whole["message"]["content"], " the quick");
        assert_eq!(
            (&whole["done"], whole.get("total_duration")),
            (&json!(true), None)
        );
    }

    #[test]
    fn loading_and_pulling() {
        let load = parsed(&load_line(Endpoint::OllamaGenerate, "m", WALL, "load"));
        assert_eq!(
            load,
            json!({ "response": "", "model": "m", "created_at": SHOWN, "done": true, "done_reason": "load" })
        );
        let lines: Vec<Value> = pull_lines("sha256:0123456789abcdef")
            .iter()
            .map(|line| parsed(line))
            .collect();
        assert_eq!(lines[0]["status"], "pulling manifest");
        assert_eq!(lines[1]["status"], "pulling 0123456789ab");
        assert_eq!(lines[1].get("completed"), None);
        assert_eq!(lines[5]["completed"], lines[5]["total"]);
        assert_eq!(lines.last().unwrap(), &json!({ "status": "success" }));
    }
}
