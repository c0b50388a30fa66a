//! Prompts as JSON Lines.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{Entry, Question};
use crate::prompts::PromptError;

/// Largest prompt file.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// One line of the file. Other keys are let pass: such files often carry more than the prompt.
#[derive(Deserialize)]
struct Line {
    prompt: Option<String>,
    messages: Option<Vec<Value>>,
    output_tokens: Option<u32>,
}

/// Reads the first `most` prompts of the file.
pub(super) fn read(path: &Path, most: usize) -> Result<Vec<Entry>, PromptError> {
    let text = read_text(path)?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let entry = |(number, line): (usize, &str)| {
        parse(number + 1, line).map_err(|problem| PromptError::Line {
            path: path.to_owned(),
            line: number + 1,
            problem,
        })
    };
    lines.take(most).map(entry).collect()
}

fn read_text(path: &Path) -> Result<String, PromptError> {
    let mut text = String::new();
    // The file may grow while it is read.
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    read.map_err(|source| PromptError::Read {
        what: "prompt file",
        path: path.to_owned(),
        source,
    })?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(PromptError::TooLarge {
            what: "prompt file",
            path: path.to_owned(),
            limit: MAX_FILE_BYTES,
        });
    }
    Ok(text)
}

/// Makes a prompt of one line; the error says what is wrong with it.
fn parse(place: usize, line: &str) -> Result<Entry, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let question = match (line.prompt, line.messages) {
        (Some(prompt), None) => Question::Text(prompt),
        (None, Some(messages)) => Question::Messages(messages),
        _ => return Err("a line needs either \"prompt\" or \"messages\"".into()),
    };
    if line.output_tokens == Some(0) {
        return Err("\"output_tokens\" must be at least 1".into());
    }
    Ok(Entry {
        place,
        question,
        answer: None,
        output_tokens: line.output_tokens,
    })
}
