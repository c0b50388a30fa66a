//! Reading the events of one stream.
//!
//! Nearly all chunks of a stream differ from the one before in their text alone, and at a hundred thousand chunks a second parsing
//! JSON costs more than all else that is done with them in user space. So what stands around the text of the last chunk
//! is kept: where it comes again, with a text between that needs no decoding, the chunk says what a parser would say of it.

use hpcbench_records::EventKind;

use super::text::{Text, bytes_of};
use super::{Message, openai, read_document};
use crate::fault::Fault;
use crate::spec::Dialect;

/// What is kept of a chunk at most, in bytes. One that is longer is parsed, and so is the next.
const MAX_KEPT_BYTES: usize = 1024;

/// What a chunk carries that carries content and nothing else.
pub(crate) const CONTENT_ALONE: EventKind = EventKind::CHOICES.with(EventKind::CONTENT);

/// One event of a stream.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// What carries [`CONTENT_ALONE`], this many bytes of it.
    Content(u32),
    /// Anything.
    Message(Message),
}

/// Reads the events of one stream, in their order.
#[derive(Debug)]
pub(crate) struct EventReader {
    dialect: Dialect,
    /// What stood before the last text that was plain content, its quote included, and what stood behind it.
    around: Vec<u8>,
    /// Length of the former; 0 if there was no such chunk.
    before: usize,
}

impl EventReader {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            around: Vec::new(),
            before: 0,
        }
    }

    /// Reads the next event.
    pub(crate) fn read(&mut self, data: &[u8]) -> Result<Event, Fault> {
        if let Some(text) = self.text_between(data) {
            // No event is longer than 8 MiB.
            return Ok(Event::Content(text.len() as u32));
        }
        let message = match self.dialect {
            Dialect::Chat | Dialect::Completions if data.trim_ascii() == b"[DONE]" => Message {
                kind: EventKind::DONE,
                ..Message::default()
            },
            Dialect::Chat | Dialect::Completions => {
                let (message, content) = openai::read_with_content(data)?;
                if message.kind == CONTENT_ALONE && message.server_ns.is_empty() {
                    self.keep_around(data, content, message.text_bytes);
                }
                message
            }
            Dialect::Generate | Dialect::OllamaChat => read_document(self.dialect, data)?,
        };
        Ok(Event::Message(message))
    }

    /// The text of a chunk that is the last one but for its text, if that is the same in JSON as it is decoded.
    fn text_between<'a>(&self, data: &'a [u8]) -> Option<&'a str> {
        let (before, after) = self.around.split_at_checked(self.before)?;
        let text = data.strip_prefix(before)?.strip_suffix(after)?;
        let plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
        if before.is_empty() || text.is_empty() || !text.iter().all(plain) {
            return None;
        }
        std::str::from_utf8(text).ok()
    }

    /// Keeps what stands around `content`, a part of `data`, if that is the chunk's only text.
    fn keep_around(&mut self, data: &[u8], content: Text<'_>, text_bytes: u32) {
        let inside = content.and_then(|json| json.get().strip_prefix('"')?.strip_suffix('"'));
        let Some(inside) = inside.filter(|_| bytes_of(content) == text_bytes) else {
            return;
        };
        // It is lent from the data, not copied.
        let before = (inside.as_ptr() as usize).wrapping_sub(data.as_ptr() as usize);
        let behind = before.saturating_add(inside.len());
        if let (Some(start), Some(end)) = (data.get(..before), data.get(behind..))
            && start.len() + end.len() <= MAX_KEPT_BYTES
        {
            self.around.clear();
            self.around.reserve(start.len() + end.len());
            self.around.extend_from_slice(start);
            self.around.extend_from_slice(end);
            self.before = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunk(json: &str) -> String {
        format!(r#"{{"id":"x","choices":[{{"index":0,"delta":{{"content":{json}}},"finish_reason":null}}]}}"#)
    }

    /// What a reader says that has read nothing before.
    fn alone(dialect: Dialect, data: &[u8]) -> Result<Event, Fault> {
        EventReader::new(dialect).read(data)
    }

    /// The event as if it had been parsed.
    fn parsed(event: Event) -> Message {
        match event {
            Event::Message(message) => message,
            Event::Content(text_bytes) => Message {
                kind: CONTENT_ALONE,
                text_bytes,
                ..Message::default()
            },
        }
    }

    #[test]
    fn a_chunk_like_the_last_one_is_not_parsed() {
        let mut reader = EventReader::new(Dialect::Chat);
        let mut read = |json: &str| reader.read(chunk(json).as_bytes()).unwrap();
        assert!(matches!(read(r#""a""#), Event::Message(_)));
        assert_eq!(read(r#"" wörld""#), Event::Content(7));
        // A text that has to be decoded, and none, are parsed.
        assert!(matches!(read(r#""\n""#), Event::Message(_)));
        assert_eq!(read(r#""b""#), Event::Content(1));
        assert!(matches!(read(r#""""#), Event::Message(_)));
        assert_eq!(read(r#""d""#), Event::Content(1));
    }

    #[test]
    fn what_only_looks_like_the_last_chunk_is_parsed() {
        let mut reader = EventReader::new(Dialect::Chat);
        reader.read(chunk(r#""a""#).as_bytes()).unwrap();
        let two = chunk(r#""a","content":"b""#);
        assert!(reader.read(two.as_bytes()).is_err(), "two contents");
        let mut broken = chunk(r#""ax""#).into_bytes();
        let at = broken.windows(2).position(|pair| pair == b"ax").unwrap();
        for byte in [b'\n', b'\\', 0xff] {
            broken[at] = byte;
            assert!(reader.read(&broken).is_err(), "{byte}");
        }
        for with in [
            r#""a","reasoning":"b""#,
            r#""a","refusal":"b""#,
            r#""a","tool_calls":[{"function":{"name":"f"}}]"#,
        ] {
            let data = chunk(with);
            for _ in 0..2 {
                let event = reader.read(data.as_bytes()).unwrap();
                assert!(matches!(event, Event::Message(_)), "{with}");
            }
        }
    }

    #[test]
    fn a_long_chunk_is_not_kept() {
        let mut reader = EventReader::new(Dialect::Completions);
        let long = format!(
            r#"{{"id":"{}","choices":[{{"text":"a"}}]}}"#,
            "x".repeat(MAX_KEPT_BYTES)
        );
        for _ in 0..2 {
            assert!(matches!(reader.read(long.as_bytes()).unwrap(), Event::Message(_)));
        }
        assert!(reader.around.is_empty());
    }

    fn events() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let text = prop::sample::select(vec![
            r#""a""#,
            r#"" the""#,
            r#""é""#,
            r#""\u00e9""#,
            r#""\"""#,
            r#""""#,
            "null",
            "5",
            "\"\n\"",
            r#""x","content":"y""#,
        ]);
        let frame = prop::sample::select(vec![
            ("", ""),
            (r#"{"choices":[{"delta":{"content":"#, "}}]}"),
            (
                r#"{"choices":[{"delta":{"content":"#,
                r#"},"finish_reason":null}]}"#,
            ),
            (
                r#"{"choices":[{"delta":{"content":"#,
                r#"},"finish_reason":"stop"}]}"#,
            ),
            (r#"{"choices":[{"delta":{"reasoning":"#, "}}]}"),
            (r#"{"choices":[{"delta":{"content":"z"}},{"text":"#, "}]}"),
            (
                r#"{"choices":[{"text":"#,
                r#"}],"usage":{"completion_tokens":3}}"#,
            ),
            (r#"{"choices":[{"text":"#, r#"},{"text":""}]}"#),
            (r#"{"timings":{"prompt_ms":1},"choices":[{"text":"#, "}]}"),
            (r#"{"error":"no","choices":[{"text":"#, "}]}"),
            (r#"{"message":{"content":"#, r#"},"done":false}"#),
        ]);
        let event =
            (frame, text).prop_map(|((before, after), text)| [before, text, after].concat().into_bytes());
        prop::collection::vec(prop_oneof![20 => event, 1 => Just(b"[DONE]".to_vec())], 0..40)
    }

    proptest! {
        #[test]
        fn what_came_before_changes_nothing(events in events(), dialect in prop::sample::select(vec![Dialect::Chat, Dialect::Generate])) {
            let mut reader = EventReader::new(dialect);
            for data in events {
                prop_assert_eq!(reader.read(&data).map(parsed), alone(dialect, &data).map(parsed));
            }
        }
    }
}
