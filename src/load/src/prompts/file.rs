//! Prompts from a file of JSON Lines.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::nonce::NONCE_WORDS;
use super::{Prompt, PromptError, frame, random_of, tokens};
use crate::spec::{Dialect, Prompts};

/// Largest prompt file.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Stands where the nonce goes while a prompt is made into JSON. No text has this.
const HOLE: &str = "\u{f8ff}hpcbench-nonce\u{f8ff}";

/// One line of the file. Other keys are let pass: such files often carry more than the prompt.
#[derive(Deserialize)]
struct Line {
    prompt: Option<String>,
    messages: Option<Vec<Value>>,
}

/// Reads all prompts of the file.
pub(super) fn read(
    prompts: &Prompts,
    path: &Path,
    dialect: Dialect,
    seed: u64,
) -> Result<Vec<Prompt>, PromptError> {
    let text = read_text(path)?;
    let mut all = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let mut random = random_of(seed, all.len() as u64);
        let output_planned = tokens::draw(&prompts.output_tokens, &mut random);
        let prompt = parse(line, dialect, prompts.nonce, output_planned);
        let prompt = prompt.map_err(|problem| PromptError::Line {
            path: path.to_owned(),
            line: number + 1,
            problem,
        })?;
        all.push(prompt);
    }
    if all.is_empty() {
        return Err(PromptError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(all)
}

fn read_text(path: &Path) -> Result<String, PromptError> {
    let failed = |source| PromptError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(PromptError::TooLarge {
            path: path.to_owned(),
            bytes,
            limit: MAX_FILE_BYTES,
        });
    }
    let mut text = String::new();
    // The file may grow while it is read.
    file.take(MAX_FILE_BYTES)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

/// Makes one line a prompt; the error says what is wrong with the line.
fn parse(line: &str, dialect: Dialect, nonce: bool, output_planned: u32) -> Result<Prompt, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let json = match (line.prompt, line.messages) {
        (Some(prompt), None) => {
            let (open, close) = frame(dialect);
            let prompt = if nonce { format!("{HOLE}{prompt}") } else { prompt };
            let quoted = Value::from(prompt).to_string();
            // The frame brings its own quotation marks.
            let escaped = quoted
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
                .unwrap_or_default();
            format!("{open}{escaped}{close}")
        }
        (None, Some(_)) if !dialect.takes_messages() => {
            return Err("this endpoint takes a \"prompt\", not \"messages\"".into());
        }
        (None, Some(mut messages)) => {
            if nonce && !messages.iter_mut().any(mark_text) {
                return Err(
                    "no message has a text that a nonce could go into; set \"nonce\" to false".into(),
                );
            }
            Value::from(messages).to_string()
        }
        _ => return Err("a line needs either \"prompt\" or \"messages\"".into()),
    };
    let (head, tail) = match json.split_once(HOLE) {
        Some((head, tail)) => (head, tail),
        None => (json.as_str(), ""),
    };
    Ok(Prompt {
        head: Arc::from(head.as_bytes()),
        tail: tail.as_bytes().into(),
        nonce_words: if nonce { NONCE_WORDS } else { 0 },
        input_planned: None,
        output_planned,
    })
}

/// Puts the hole at the start of a message's text: its content, or the first text among the parts of it.
fn mark_text(message: &mut Value) -> bool {
    match message.get_mut("content") {
        Some(Value::String(text)) => {
            text.insert_str(0, HOLE);
            true
        }
        Some(Value::Array(parts)) => parts.iter_mut().any(|part| match part.get_mut("text") {
            Some(Value::String(text)) => {
                text.insert_str(0, HOLE);
                true
            }
            _ => false,
        }),
        _ => false,
    }
}
