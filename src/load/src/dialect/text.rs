//! Lengths of JSON strings, without decoding them.

use std::fmt;

use hpcbench_records::EventKind;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A value of the response that may be a text. Anything that is no string counts as empty.
pub(super) type Text<'a> = Option<&'a RawValue>;

/// Number of bytes of the text.
pub(super) fn bytes_of(text: Text<'_>) -> u32 {
    let inner = text
        .and_then(|raw| raw.get().strip_prefix('"'))
        .and_then(|rest| rest.strip_suffix('"'));
    inner.map_or(0, |inner| {
        u32::try_from(decoded_length(inner)).unwrap_or(u32::MAX)
    })
}

/// Bytes that a string takes, given the inside of its JSON form, which has been found valid.
fn decoded_length(inner: &str) -> usize {
    let mut bytes = inner.as_bytes();
    let mut length = 0;
    while let Some(at) = memchr::memchr(b'\\', bytes) {
        let (escaped, used) = escape(bytes.get(at + 1..).unwrap_or_default());
        length += at + escaped;
        bytes = bytes.get(at + 1 + used..).unwrap_or_default();
    }
    length + bytes.len()
}

/// An escape after its backslash: bytes of the character that it stands for, and bytes that it takes.
fn escape(rest: &[u8]) -> (usize, usize) {
    match rest {
        [b'u', ..] => match code_unit(rest.get(1..5)) {
            0..=0x7f => (1, 5),
            0x80..=0x7ff => (2, 5),
            // The first half of a pair; both halves together make four bytes.
            0xd800..=0xdbff => (4, 11),
            _ => (3, 5),
        },
        _ => (1, 1),
    }
}

fn code_unit(digits: Option<&[u8]>) -> u32 {
    let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
    text.and_then(|text| u32::from_str_radix(text, 16).ok())
        .unwrap_or(0)
}

/// A chunk, a line or a whole response, as far as the text of an answer goes.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    choices: First<'a>,
    #[serde(borrow)]
    message: Option<Content<'a>>,
    #[serde(borrow)]
    response: Text<'a>,
}

/// The first choice of a list, if there is one; the others are read over.
#[derive(Default)]
struct First<'a>(Option<Part<'a>>);

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    delta: Option<Content<'a>>,
    #[serde(borrow)]
    message: Option<Content<'a>>,
    #[serde(borrow)]
    text: Text<'a>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    content: Text<'a>,
}

/// Appends what an event or a whole response adds to the answer, reasoning and calls apart, as the inside of a JSON string. It is not
/// decoded, so that a character that is split over two events becomes whole again. Nothing is added where there is
/// nothing, or no JSON.
pub(crate) fn append_answer(data: &[u8], out: &mut Vec<u8>) {
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(data) else {
        return;
    };
    let first = answer.choices.0.as_ref();
    let contents = first.map_or([None, None], |part| [part.delta.as_ref(), part.message.as_ref()]);
    let contents = contents.into_iter().chain([answer.message.as_ref()]).flatten();
    let texts = [first.and_then(|part| part.text), answer.response];
    for text in contents.map(|content| content.content).chain(texts).flatten() {
        let inside = text
            .get()
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        out.extend_from_slice(inside.unwrap_or_default().as_bytes());
    }
}

/// The text of an answer, given the inside of its JSON form; none if there is nothing, or a half of a character is missing.
pub(crate) fn text_of(answer: &[u8]) -> Option<String> {
    if answer.is_empty() {
        return None;
    }
    let quoted = [b"\"", answer, b"\""].concat();
    serde_json::from_slice(&quoted).ok()
}

/// The name and the arguments of a call, in all dialects.
#[derive(Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Text<'a>,
}

/// A tool call, in all dialects.
#[derive(Deserialize)]
pub(super) struct ToolCall<'a> {
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

/// Bytes of all calls of a list, added up as they are read, so that nothing is allocated for them.
#[derive(Default)]
pub(super) struct Calls(u32);

/// Everything in a message that can carry generated text, in all dialects.
#[derive(Deserialize)]
pub(super) struct Parts<'a> {
    #[serde(borrow)]
    pub(super) content: Text<'a>,
    #[serde(borrow)]
    refusal: Text<'a>,
    #[serde(borrow)]
    reasoning: Text<'a>,
    #[serde(borrow)]
    reasoning_content: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    tool_calls: Option<Calls>,
    #[serde(borrow)]
    function_call: Option<Function<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FirstVisitor)
    }
}

struct FirstVisitor;

impl<'de> Visitor<'de> for FirstVisitor {
    type Value = First<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of choices")
    }

    fn visit_unit<E>(self) -> Result<First<'de>, E> {
        Ok(First::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<First<'de>, A::Error> {
        let first = First(list.next_element()?);
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first)
    }
}

impl<'de> Deserialize<'de> for Calls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(CallsVisitor)
    }
}

struct CallsVisitor;

impl<'de> Visitor<'de> for CallsVisitor {
    type Value = Calls;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of tool calls")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Calls, A::Error> {
        let mut calls = Calls::default();
        while let Some(call) = list.next_element::<ToolCall<'de>>()? {
            let bytes = call.function.as_ref().map_or(0, Function::bytes);
            calls.0 = calls.0.saturating_add(bytes);
        }
        Ok(calls)
    }
}

impl Function<'_> {
    /// Bytes of name and arguments. Ollama gives arguments as an object: then its JSON form counts.
    fn bytes(&self) -> u32 {
        let object = self
            .arguments
            .filter(|raw| raw.get().starts_with('{') && raw.get() != "{}");
        bytes_of(self.name) + bytes_of(self.arguments) + object.map_or(0, |raw| raw.get().len() as u32)
    }
}

impl Parts<'_> {
    /// Which sorts of text there are, and their bytes.
    pub(super) fn weigh(&self) -> (EventKind, u32) {
        // The two names of reasoning, and a third, never mean different texts.
        let reasoning = [self.reasoning, self.reasoning_content, self.thinking]
            .map(bytes_of)
            .into_iter()
            .max();
        let calls = self.tool_calls.as_ref().map_or(0, |calls| calls.0);
        let tool = calls.saturating_add(self.function_call.as_ref().map_or(0, Function::bytes));
        let sorts = [
            (EventKind::CONTENT, bytes_of(self.content)),
            (EventKind::REASONING, reasoning.unwrap_or(0)),
            (EventKind::REFUSAL, bytes_of(self.refusal)),
            (EventKind::TOOL, tool),
        ];
        let mut all = (EventKind::default(), 0_u32);
        for (kind, bytes) in sorts {
            if bytes > 0 {
                all = (all.0.with(kind), all.1.saturating_add(bytes));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn length(json: &str) -> u32 {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        bytes_of(Some(raw))
    }

    #[test]
    fn escapes_count_as_what_they_stand_for() {
        for text in [
            "",
            "a",
            "é",
            "\n\t\"\\/",
            "\u{1f600}x",
            "\u{7f}\u{80}\u{7ff}\u{800}",
        ] {
            assert_eq!(
                length(&serde_json::to_string(text).unwrap()) as usize,
                text.len(),
                "{text:?}"
            );
        }
        assert_eq!(
            length(r#""\u0041\u00e9\u20ac\ud83d\ude00\/""#) as usize,
            "Aé€\u{1f600}/".len()
        );
        for other in ["null", "5", "[]", "{}", "true"] {
            assert_eq!(length(other), 0);
        }
        assert_eq!(bytes_of(None), 0);
    }

    #[test]
    fn the_first_choice_is_the_answer() {
        let answer = |json: &str| {
            let mut out = Vec::new();
            append_answer(json.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        let two = r#"{"choices":[{"delta":{"content":"a\n"}},{"delta":{"content":"b"}}],"usage":null}"#;
        assert_eq!(answer(two), "a\\n");
        assert_eq!(answer(r#"{"choices":[{"text":"x"}]}"#), "x");
        assert_eq!(answer(r#"{"message":{"content":"y"}}"#), "y");
        for nothing in [
            r#"{"choices":[]}"#,
            r#"{"choices":null}"#,
            r#"{"choices":[{}]}"#,
            "[",
            "{}",
        ] {
            assert_eq!(answer(nothing), "", "{nothing}");
        }
        // As with a list of which all is kept: one that is no list has no answer.
        assert_eq!(answer(r#"{"choices":5,"response":"z"}"#), "");
    }

    proptest! {
        #[test]
        fn lengths_agree_with_a_decoder(text in ".{0,40}") {
            prop_assert_eq!(length(&serde_json::to_string(&text).unwrap()) as usize, text.len());
        }

        #[test]
        fn lone_halves_never_panic(inner in r"(\\ud83d|\\u00|a|\\|é){0,8}") {
            decoded_length(&inner);
        }
    }
}
