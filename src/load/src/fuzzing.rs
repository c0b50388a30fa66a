//! Doors for fuzzers to the parsers of what servers send, and of the prompts that users have in files.
//!
//! Each takes any bytes and checks that they are read, or refused, in the same way however they are cut into
//! pieces.

use std::path::Path;

use hpcbench_records::ErrorKind;

use crate::dialect::append_answer;
use crate::fault::Fault;
use crate::http::{BodyDecoder, parse_head};
use crate::prompts::PromptSet;
use crate::response::{ResponseReader, StreamEvent};
use crate::spec::{Dialect, FileFormat, PromptSource, Prompts, TokenCount};
use crate::stream::{Frame, Ndjson, Sse};

const DIALECTS: [Dialect; 4] = [
    Dialect::Chat,
    Dialect::Completions,
    Dialect::Generate,
    Dialect::OllamaChat,
];

/// Server-sent events: the first byte says how to cut the rest.
pub fn sse(input: &[u8]) {
    let cut = |pieces: Vec<&[u8]>| {
        let mut parser = Sse::default();
        let mut found = Vec::new();
        let mut each = |frame: Frame<'_>| {
            found.push(owned(frame));
            Ok(())
        };
        let result = pieces.iter().try_for_each(|piece| parser.feed(piece, &mut each));
        let result = result.and_then(|()| parser.finish(&mut each));
        (found, kind(result))
    };
    compare(input, cut);
}

/// Lines of JSON: the first byte says how to cut the rest.
pub fn ndjson(input: &[u8]) {
    let cut = |pieces: Vec<&[u8]>| {
        let mut parser = Ndjson::default();
        let mut found = Vec::new();
        let mut each = |frame: Frame<'_>| {
            found.push(owned(frame));
            Ok(())
        };
        let result = pieces.iter().try_for_each(|piece| parser.feed(piece, &mut each));
        let result = result.and_then(|()| parser.finish(&mut each));
        (found, kind(result))
    };
    compare(input, cut);
}

/// A file of prompts: what is read of it becomes JSON, whatever the dialect.
pub fn prompts(path: &Path) {
    for (format, nonce, salt) in [
        (FileFormat::JsonLines, false, false),
        (FileFormat::JsonLines, false, true),
        (FileFormat::JsonLines, true, false),
        (FileFormat::Sharegpt, true, true),
    ] {
        let prompts = Prompts {
            source: PromptSource::File {
                path: path.to_owned(),
                format,
                salt,
            },
            output_tokens: TokenCount::Fixed(1),
            nonce,
            tokenizer: None,
        };
        for dialect in DIALECTS {
            let Ok(set) = PromptSet::generate(&prompts, dialect, 1, Some(2)) else {
                continue;
            };
            let Some((_, prompt)) = set.of_request(0) else {
                continue;
            };
            let mut json = prompt.head.to_vec();
            set.nonce(0).write(prompt.nonce_words, &mut json);
            json.extend_from_slice(&prompt.tail);
            assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
        }
    }
}

/// The head of a response: what is one with all of its bytes is none with fewer.
pub fn head(input: &[u8]) {
    if let Ok(Some((_, length))) = parse_head(input) {
        assert!(length <= input.len());
        let shorter = input.get(..length.saturating_sub(1)).unwrap_or_default();
        assert!(!matches!(parse_head(shorter), Ok(Some(_))));
    }
}

/// A chunked body: the first byte says how to cut the rest.
pub fn chunked(input: &[u8]) {
    let cut = |pieces: Vec<&[u8]>| {
        let mut decoder = BodyDecoder::chunked();
        let mut body = Vec::new();
        let mut result = Ok(());
        for mut piece in pieces {
            loop {
                match decoder.next(&mut piece) {
                    Ok(Some(part)) => body.extend_from_slice(part),
                    Ok(None) => break,
                    Err(fault) => {
                        result = Err(fault);
                        break;
                    }
                }
            }
            if result.is_err() {
                break;
            }
        }
        (body, decoder.is_done(), kind(result))
    };
    compare(input, cut);
}

/// A whole response: the first byte says how to cut the rest, the second what was asked for.
pub fn response(input: &[u8]) {
    let Some((&cutting, rest)) = input.split_first() else {
        return;
    };
    let Some((&asked, response)) = rest.split_first() else {
        return;
    };
    let dialect = DIALECTS
        .get(usize::from(asked % 4))
        .copied()
        .unwrap_or(Dialect::Chat);
    let stream = asked & 4 == 0;
    let cut = |pieces: Vec<&[u8]>| {
        let mut reader = ResponseReader::new(dialect, stream).keeping_answer();
        let mut events: Vec<StreamEvent> = Vec::new();
        let result = pieces
            .iter()
            .try_for_each(|piece| reader.feed(piece, &mut events));
        let result = result.and_then(|()| reader.end_of_input(&mut events));
        // A judgement is always possible.
        let verdict = kind(reader.summary().verdict(1));
        (events, kind(result), verdict, reader.take_answer())
    };
    let whole = cut(vec![response]);
    assert_eq!(whole, cut(pieces(cutting, response)));
    let answer = [b"\"".as_slice(), &whole.3, b"\""].concat();
    assert!(
        serde_json::from_slice::<serde::de::IgnoredAny>(&answer).is_ok(),
        "an answer can stand in the next request"
    );
}

/// The text of an answer.
pub fn answer(input: &[u8]) {
    let mut text = vec![b'"'];
    append_answer(input, &mut text);
    text.push(b'"');
    assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok());
}

/// Runs `cut` over the input as a whole and in pieces.
fn compare<T: PartialEq + std::fmt::Debug>(input: &[u8], cut: impl Fn(Vec<&[u8]>) -> T) {
    if let Some((&cutting, rest)) = input.split_first() {
        assert_eq!(cut(vec![rest]), cut(pieces(cutting, rest)));
    }
}

/// Cuts bytes into pieces of one length, or of lengths that change.
fn pieces(cutting: u8, bytes: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    let mut rest = bytes;
    let mut length = usize::from(cutting % 32) + 1;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(length.min(rest.len()));
        all.push(piece);
        rest = after;
        if cutting >= 128 {
            length = length * 5 % 31 + 1;
        }
    }
    all
}

fn owned(frame: Frame<'_>) -> Option<Vec<u8>> {
    match frame {
        Frame::Data(data) => Some(data.to_vec()),
        Frame::Comment => None,
    }
}

fn kind(result: Result<(), Fault>) -> Option<ErrorKind> {
    result.err().map(|fault| fault.kind)
}
