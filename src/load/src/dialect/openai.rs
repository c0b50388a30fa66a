//! OpenAI's chat completions and completions, as vLLM, llama.cpp and others stream them.

use std::collections::BTreeMap;
use std::fmt;

use hpcbench_records::EventKind;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::text::{Parts, Text, bytes_of};
use super::{Message, not_json};
use crate::fault::{Fault, MAX_ERROR_TEXT, shorten};

/// A chunk of a stream, or a whole response.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Choices<'a>,
    usage: Option<Usage>,
    timings: Option<Timings>,
    #[serde(borrow)]
    error: Text<'a>,
    /// Older vLLM reports an error as `{"object": "error", "message": …}`.
    #[serde(borrow)]
    object: Text<'a>,
}

/// All choices of a chunk, folded into one as they are read, so that nothing is allocated for a chunk.
#[derive(Default)]
struct Choices<'a> {
    any: bool,
    kind: EventKind,
    text_bytes: u32,
    /// The last text of the content.
    content: Text<'a>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<Parts<'a>>,
    #[serde(borrow)]
    message: Option<Parts<'a>>,
    #[serde(borrow)]
    text: Text<'a>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
    prompt_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    cached_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u32>,
}

/// What llama.cpp adds to its last chunk.
#[derive(Deserialize)]
struct Timings {
    cache_n: Option<u32>,
    prompt_ms: Option<f64>,
    predicted_ms: Option<f64>,
}

pub(super) fn read(data: &[u8]) -> Result<Message, Fault> {
    Ok(read_with_content(data)?.0)
}

/// The same, and the last text of the content.
pub(super) fn read_with_content(data: &[u8]) -> Result<(Message, Text<'_>), Fault> {
    let chunk: Chunk<'_> =
        serde_json::from_slice(data).map_err(|error| not_json("not a chunk of JSON", &error))?;
    let content = chunk.choices.content;
    let mut message = Message {
        kind: chunk.choices.kind,
        text_bytes: chunk.choices.text_bytes,
        finish_reason: chunk.choices.finish_reason,
        usage: chunk.usage.map(super::Usage::from),
        ..Message::default()
    };
    if chunk.choices.any {
        message.kind = message.kind.with(EventKind::CHOICES);
    }
    if message.finish_reason.is_some() {
        message.kind = message.kind.with(EventKind::FINISH);
    }
    if message.usage.is_some() {
        message.kind = message.kind.with(EventKind::USAGE);
    }
    if let Some(timings) = chunk.timings {
        message.server_ns = timings.durations();
        if let (Some(usage), Some(cached)) = (&mut message.usage, timings.cache_n) {
            usage.cached_input.get_or_insert(cached);
        }
    }
    if chunk.error.is_some() || chunk.object.is_some_and(|object| object.get() == "\"error\"") {
        message.kind = message.kind.with(EventKind::ERROR);
        message.error = Some(error_message(data).unwrap_or_else(|| shorten(data, MAX_ERROR_TEXT)));
    }
    Ok((message, content))
}

/// The message of `{"error": {"message": …}}`, `{"error": "…"}` or `{"message": "…"}`.
pub(super) fn error_message(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let candidates = [
        body.pointer("/error/message"),
        body.get("error"),
        body.get("message"),
        body.get("detail"),
    ];
    let text = candidates.into_iter().flatten().find(|value| !value.is_null())?;
    Some(match text.as_str() {
        Some(text) => shorten(text.as_bytes(), MAX_ERROR_TEXT),
        None => shorten(text.to_string().as_bytes(), MAX_ERROR_TEXT),
    })
}

impl From<Usage> for super::Usage {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.prompt_tokens,
            cached_input: usage
                .prompt_tokens_details
                .and_then(|details| details.cached_tokens),
            output: usage.completion_tokens,
            reasoning: usage
                .completion_tokens_details
                .and_then(|details| details.reasoning_tokens),
        }
    }
}

impl Timings {
    fn durations(&self) -> BTreeMap<String, u64> {
        let named = [("prompt", self.prompt_ms), ("predicted", self.predicted_ms)];
        let given = named
            .into_iter()
            .filter_map(|(name, ms)| Some((name, ms.filter(|ms| *ms >= 0.0)?)));
        given
            .map(|(name, ms)| (name.to_owned(), (ms * 1e6) as u64))
            .collect()
    }
}

impl<'a> Choices<'a> {
    fn add(&mut self, choice: Choice<'a>) {
        self.any = true;
        for parts in [&choice.delta, &choice.message].into_iter().flatten() {
            let (kind, bytes) = parts.weigh();
            self.content = parts.content.or(self.content);
            self.kind = self.kind.with(kind);
            self.text_bytes = self.text_bytes.saturating_add(bytes);
        }
        let text = bytes_of(choice.text);
        if text > 0 {
            self.kind = self.kind.with(EventKind::CONTENT);
            self.text_bytes = self.text_bytes.saturating_add(text);
            self.content = choice.text;
        }
        self.finish_reason = choice.finish_reason.or(self.finish_reason.take());
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Choices<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChoicesVisitor)
    }
}

struct ChoicesVisitor;

impl<'de> Visitor<'de> for ChoicesVisitor {
    type Value = Choices<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of choices")
    }

    fn visit_unit<E>(self) -> Result<Choices<'de>, E> {
        Ok(Choices::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Choices<'de>, A::Error> {
        let mut choices = Choices::default();
        while let Some(choice) = list.next_element()? {
            choices.add(choice);
        }
        Ok(choices)
    }
}

#[cfg(test)]
mod tests {
    use hpcbench_records::ErrorKind;

    use super::*;

    fn kind(json: &str) -> (u16, u32) {
        let message = read(json.as_bytes()).unwrap();
        (message.kind.0, message.text_bytes)
    }

    const CHOICES: u16 = 1;

    #[test]
    fn roles_and_empty_deltas_carry_no_tokens() {
        for delta in [
            r#"{"role":"assistant","content":""}"#,
            r#"{"role":"assistant","content":null}"#,
            "{}",
            "null",
        ] {
            let json = format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#);
            assert_eq!(kind(&json), (CHOICES, 0), "{delta}");
        }
    }

    #[test]
    fn every_sort_of_text_is_known() {
        for (delta, bits, bytes) in [
            (r#"{"content":" "}"#, 2, 1),
            (r#"{"content":"a\n\u00e9"}"#, 2, 4),
            (r#"{"reasoning_content":"abc"}"#, 4, 3),
            (r#"{"reasoning":"abc","reasoning_content":"abc"}"#, 4, 3),
            (
                r#"{"tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":""}}]}"#,
                8,
                1,
            ),
            (
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a"}}]}"#,
                8,
                3,
            ),
            (r#"{"function_call":{"name":"g","arguments":"{}"}}"#, 8, 3),
            (r#"{"refusal":"no"}"#, 16, 2),
            (r#"{"content":"a","reasoning":"b"}"#, 6, 2),
            (r#"{"content":["not","text"]}"#, 0, 0),
        ] {
            let json = format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#);
            assert_eq!(kind(&json), (CHOICES | bits, bytes), "{delta}");
        }
        assert_eq!(kind(r#"{"choices":[{"text":"hi","index":0}]}"#), (CHOICES | 2, 2));
    }

    #[test]
    fn usage_comes_without_choices() {
        let message = read(
            br#"{"id":"x","choices":[],"usage":{"prompt_tokens":5,"total_tokens":12,"completion_tokens":7,
                "prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
        )
        .unwrap();
        assert_eq!(message.kind, EventKind::USAGE);
        let usage = message.usage.unwrap();
        assert_eq!(
            (usage.input, usage.cached_input, usage.output, usage.reasoning),
            (Some(5), Some(4), Some(7), Some(2))
        );
        assert_eq!(kind(r#"{"choices":[],"usage":null}"#), (0, 0));
    }

    #[test]
    fn llama_cpp_adds_timings() {
        let message = read(
            br#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7},"timings":{"cache_n":3,"prompt_n":5,
                "prompt_ms":1.5,"predicted_n":7,"predicted_ms":20.25,"predicted_per_second":3.2}}"#,
        )
        .unwrap();
        assert_eq!(
            message.server_ns,
            BTreeMap::from([("predicted".into(), 20_250_000), ("prompt".into(), 1_500_000)])
        );
        assert_eq!(message.usage.unwrap().cached_input, Some(3));
    }

    #[test]
    fn finish_and_error() {
        let message = read(br#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#).unwrap();
        assert_eq!(message.finish_reason.as_deref(), Some("length"));
        assert_eq!(message.kind.0, CHOICES | 32);
        for (json, text) in [
            (
                r#"{"error":{"message":"out of memory","code":500}}"#,
                "out of memory",
            ),
            (r#"{"error":"no"}"#, "no"),
            (r#"{"object":"error","message":"bad","code":400}"#, "bad"),
            (r#"{"error":{"code":5}}"#, r#"{"code":5}"#),
        ] {
            let message = read(json.as_bytes()).unwrap();
            assert_eq!(
                (message.kind, message.error.as_deref()),
                (EventKind::ERROR, Some(text)),
                "{json}"
            );
        }
    }

    #[test]
    fn nonsense_is_a_fault() {
        for json in [
            &b"{"[..],
            b"",
            b"[]",
            b"{\"choices\": 5}",
            b"{\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}",
            b"{} x",
        ] {
            assert_eq!(read(json).unwrap_err().kind, ErrorKind::Malformed, "{json:?}");
        }
    }
}
