//! Prompts from conversations in the layout of the ShareGPT data set: an array, or JSON Lines, of
//! `{"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}, …]}`.
//!
//! A conversation gives one prompt: its first question, with what the system said before it. The answer to it tells
//! how long the service's answer should be.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::json;

use super::{Entry, Question};
use crate::prompts::PromptError;
use crate::spec::Dialect;

/// Largest file; the best-known one has 670 MB.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Memory that questions and answers may take.
const MAX_KEPT_BYTES: u64 = 256 * 1024 * 1024;

/// One conversation; other keys are let pass.
#[derive(Deserialize)]
struct Conversation {
    #[serde(default, alias = "conversation")]
    conversations: Vec<Turn>,
}

#[derive(Deserialize)]
struct Turn {
    #[serde(alias = "role")]
    from: Option<String>,
    #[serde(alias = "content")]
    value: Option<String>,
}

/// Who says something.
#[derive(PartialEq, Eq)]
enum Speaker {
    System,
    User,
    Model,
    Other,
}

/// What has been read so far.
struct Kept {
    dialect: Dialect,
    entries: Vec<Entry>,
    most: usize,
    seen: usize,
    bytes: u64,
}

/// Why reading ends before the file does.
enum Stop {
    Enough,
    TooMuch,
}

/// Reads the first `most` conversations that have a question; the others are left out.
pub(super) fn read(path: &Path, dialect: Dialect, most: usize) -> Result<Vec<Entry>, PromptError> {
    let failed = |source| PromptError::Read {
        what: "prompt file",
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mut reader = BufReader::new(file.take(MAX_FILE_BYTES));
    let mut kept = Kept {
        dialect,
        entries: Vec::new(),
        most,
        seen: 0,
        bytes: 0,
    };
    let is_array = first_byte(&mut reader).map_err(failed)? == Some(b'[');
    let (result, stop) = if is_array {
        read_array(reader, &mut kept)
    } else {
        read_lines(reader, &mut kept)
    };
    match (stop, result) {
        (Some(Stop::Enough), _) | (None, Ok(())) => Ok(kept.entries),
        (Some(Stop::TooMuch), _) => Err(PromptError::TooLarge {
            what: "text of questions and answers in",
            path: path.to_owned(),
            limit: MAX_KEPT_BYTES,
        }),
        (None, Err(error)) if error.is_io() => Err(failed(error.into())),
        (None, Err(error)) => Err(PromptError::Line {
            path: path.to_owned(),
            line: error.line(),
            problem: error.to_string(),
        }),
    }
}

/// The first byte that is no white space, which stays to be read.
fn first_byte(reader: &mut BufReader<impl Read>) -> io::Result<Option<u8>> {
    loop {
        let buffered = reader.fill_buf()?;
        if buffered.is_empty() {
            return Ok(None);
        }
        let blank = buffered
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        if let Some(byte) = buffered.get(blank) {
            let byte = *byte;
            reader.consume(blank);
            return Ok(Some(byte));
        }
        reader.consume(blank);
    }
}

type Ended = (Result<(), serde_json::Error>, Option<Stop>);

fn read_lines(reader: impl Read, kept: &mut Kept) -> Ended {
    for conversation in serde_json::Deserializer::from_reader(reader).into_iter() {
        match conversation.map(|conversation| kept.add(conversation)) {
            Ok(None) => {}
            Ok(stop) => return (Ok(()), stop),
            Err(error) => return (Err(error), None),
        }
    }
    (Ok(()), None)
}

fn read_array(reader: impl Read, kept: &mut Kept) -> Ended {
    let mut stop = None;
    let array = Array {
        kept,
        stop: &mut stop,
    };
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let result = array
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    (result, stop)
}

/// Takes the conversations of an array one by one: as a whole they may not fit into memory.
struct Array<'a> {
    kept: &'a mut Kept,
    stop: &'a mut Option<Stop>,
}

impl<'de> DeserializeSeed<'de> for Array<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Array<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of conversations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while let Some(conversation) = array.next_element()? {
            *self.stop = self.kept.add(conversation);
            if self.stop.is_some() {
                // The rest is of no interest, and the error that this gives is not looked at.
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Kept {
    /// Adds a conversation if it has a question.
    fn add(&mut self, conversation: Conversation) -> Option<Stop> {
        self.seen += 1;
        let (entry, bytes) = entry(self.seen, self.dialect, conversation)?;
        self.bytes += bytes as u64;
        self.entries.push(entry);
        if self.bytes > MAX_KEPT_BYTES {
            return Some(Stop::TooMuch);
        }
        (self.entries.len() >= self.most).then_some(Stop::Enough)
    }
}

/// The conversation's first question, and the bytes that it takes.
fn entry(place: usize, dialect: Dialect, conversation: Conversation) -> Option<(Entry, usize)> {
    let mut turns = conversation.conversations.into_iter().filter_map(|turn| {
        let text = turn.value.filter(|text| !text.trim().is_empty())?;
        Some((speaker(turn.from.as_deref()?), text))
    });
    let (mut who, mut said) = turns.next()?;
    let mut system = None;
    if who == Speaker::System {
        system = Some(said);
        (who, said) = turns.next()?;
    }
    if who != Speaker::User {
        return None;
    }
    let answer = turns.next().filter(|(who, _)| *who == Speaker::Model);
    let answer = answer.map(|(_, text)| text);
    let bytes = [&system, &answer]
        .into_iter()
        .flatten()
        .map(String::len)
        .sum::<usize>()
        + said.len();
    let entry = Entry {
        place,
        question: question(dialect, system, said),
        answer,
        output_tokens: None,
    };
    Some((entry, bytes))
}

fn speaker(name: &str) -> Speaker {
    match name {
        "system" => Speaker::System,
        "human" | "user" => Speaker::User,
        "gpt" | "chatgpt" | "bard" | "bing" | "assistant" | "model" => Speaker::Model,
        _ => Speaker::Other,
    }
}

fn question(dialect: Dialect, system: Option<String>, user: String) -> Question {
    match system {
        None => Question::Text(user),
        Some(system) if dialect.takes_messages() => Question::Messages(vec![
            json!({"role": "system", "content": system}),
            json!({"role": "user", "content": user}),
        ]),
        Some(system) => Question::Text(format!("{system}\n\n{user}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(text: &str, dialect: Dialect, most: usize) -> Result<Vec<Entry>, PromptError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        super::read(file.path(), dialect, most)
    }

    const CONVERSATIONS: &str = r#" [
        {"id": "a", "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"},
            {"from": "human", "value": "bye"}]},
        {"id": "b", "conversations": [{"from": "gpt", "value": "no question"}]},
        {"id": "c", "conversations": []},
        {"id": "d", "conversations": [{"from": "human", "value": null}, {"from": "gpt", "value": "x"}]},
        {"id": "e", "conversation": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "why"}]}
    ] "#;

    #[test]
    fn first_questions_are_taken() {
        let entries = read(CONVERSATIONS, Dialect::Completions, 100).unwrap();
        let expected = |place, text: &str, answer: Option<&str>| Entry {
            place,
            question: Question::Text(text.into()),
            answer: answer.map(str::to_owned),
            output_tokens: None,
        };
        let all = [
            expected(1, "hi", Some("hello")),
            expected(5, "be kind\n\nwhy", None),
        ];
        assert_eq!(entries, all);
        let chat = read(CONVERSATIONS, Dialect::Chat, 100).unwrap();
        assert!(
            matches!(&chat[1].question, Question::Messages(messages) if messages[0]["content"] == "be kind")
        );
    }

    #[test]
    fn no_more_is_read_than_is_needed() {
        let broken_later = r#"[{"conversations": [{"from": "human", "value": "hi"}]}, nonsense"#;
        assert_eq!(read(broken_later, Dialect::Chat, 1).unwrap().len(), 1);
        assert!(matches!(
            read(broken_later, Dialect::Chat, 2),
            Err(PromptError::Line { line: 1, .. })
        ));
    }

    #[test]
    fn lines_do_as_well() {
        let lines = "\n{\"conversations\": [{\"from\": \"human\", \"value\": \"hi\"}]}\n{}\n";
        assert_eq!(read(lines, Dialect::Chat, 100).unwrap().len(), 1);
        assert_eq!(read(" \n ", Dialect::Chat, 100).unwrap().len(), 0);
        assert!(matches!(
            read("{\"conversations\": [\n7]}", Dialect::Chat, 100),
            Err(PromptError::Line { line: 2, .. })
        ));
        assert!(read("[7]", Dialect::Chat, 100).is_err());
        assert!(read("[] {}", Dialect::Chat, 100).is_err());
    }
}
