//! Prompts from a file.

mod json_lines;
mod sharegpt;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::lexicon::Lexicon;
use super::nonce::Nonce;
use super::tokenizer::Tokenizer;
use super::{Prompt, PromptError, parallel, random_of, tokens};
use crate::dialect::prompt_frame;
use crate::spec::{Dialect, FileFormat, Prompts};

/// Stands where the nonce goes while a prompt is made into JSON. No text has this.
const HOLE: &str = "\u{f8ff}hpcbench-nonce\u{f8ff}";

/// Told apart from the seeds of nonces: the salt is none of them.
const SALT_SEED: u64 = 0x5a17_5a17_5a17_5a17;

/// What all prompts of a file have in common.
pub(super) struct FilePrompts<'a> {
    pub(super) prompts: &'a Prompts,
    pub(super) path: &'a Path,
    /// Whether prompts without a nonce begin with words of the trial's.
    pub(super) salt: bool,
    pub(super) lexicon: &'a Lexicon,
    pub(super) tokenizer: Option<&'a Tokenizer>,
    pub(super) dialect: Dialect,
    pub(super) seed: u64,
    /// Requests of the trial, where that is known.
    pub(super) requests: Option<u64>,
}

/// One prompt of the file.
#[derive(Debug, PartialEq)]
struct Entry {
    /// The line, or the conversation's number, from 1.
    place: usize,
    question: Question,
    /// The answer that the file has for it.
    answer: Option<String>,
    /// Tokens to generate, where the file says.
    output_tokens: Option<u32>,
}

/// What is asked.
#[derive(Debug, PartialEq)]
enum Question {
    Text(String),
    Messages(Vec<Value>),
}

/// What each prompt begins with before the file's text.
#[derive(Debug, Clone, PartialEq)]
enum Beginning {
    /// Nothing.
    Nothing,
    /// Words of the trial's.
    Salt(String),
    /// Words of each request's.
    Nonce,
}

impl FilePrompts<'_> {
    /// Reads the file's prompts, as many as there are requests.
    pub(super) fn read(&self, format: FileFormat) -> Result<Vec<Prompt>, PromptError> {
        let most = self
            .requests
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(usize::MAX);
        let entries = match format {
            FileFormat::JsonLines => json_lines::read(self.path, most)?,
            FileFormat::Sharegpt => sharegpt::read(self.path, self.dialect, most)?,
        };
        if entries.is_empty() {
            return Err(PromptError::Empty {
                path: self.path.to_owned(),
            });
        }
        let beginning = self.beginning();
        let entry = |id: usize| {
            entries
                .get(id)
                .map(|entry| self.prompt(id, entry, format, &beginning))
                .transpose()
        };
        Ok(parallel::map(entries.len(), entry)?
            .into_iter()
            .flatten()
            .collect())
    }

    fn beginning(&self) -> Beginning {
        if self.prompts.nonce {
            return Beginning::Nonce;
        }
        if !self.salt {
            return Beginning::Nothing;
        }
        // Its tokens are counted with the text, so that any words will do.
        let lexicon = Lexicon::estimated();
        let words = Nonce::of_request(&lexicon, self.seed ^ SALT_SEED, 0).words();
        let words: Vec<&str> = words.take(lexicon.nonce_words()).collect();
        Beginning::Salt(words.join(" "))
    }

    fn prompt(
        &self,
        id: usize,
        entry: &Entry,
        format: FileFormat,
        beginning: &Beginning,
    ) -> Result<Prompt, PromptError> {
        let marked = mark(&entry.question, self.dialect, beginning);
        let (json, texts) = marked.map_err(|problem| self.wrong(entry.place, format, problem))?;
        let (head, tail) = json.split_once(HOLE).unwrap_or((&json, ""));
        let nonce_words = match beginning {
            Beginning::Nonce => self.lexicon.nonce_words(),
            Beginning::Nothing | Beginning::Salt(_) => 0,
        };
        Ok(Prompt {
            head: Arc::from(head.as_bytes()),
            tail: tail.as_bytes().into(),
            nonce_words,
            input_planned: self.input_tokens(id, &texts, beginning)?,
            output_planned: self.output_tokens(id, entry)?,
        })
    }

    /// Tokens of a prompt's texts; `None` without a tokenizer, or if the nonce changes their number.
    fn input_tokens(
        &self,
        id: usize,
        texts: &[&str],
        beginning: &Beginning,
    ) -> Result<Option<u32>, PromptError> {
        let (Some(tokenizer), Some((first, others))) = (self.tokenizer, texts.split_first()) else {
            return Ok(self.tokenizer.map(|_| 0));
        };
        let mut total = match beginning {
            Beginning::Nothing => tokenizer.count(first)?,
            Beginning::Salt(salt) => tokenizer.count(&format!("{salt} {first}"))?,
            Beginning::Nonce => {
                let with_nonce = |index| tokenizer.count(&format!("{}{first}", self.nonce_before(index)));
                // A nonce beside somebody else's text: two of them have to agree.
                let counts = (with_nonce(id as u64)?, with_nonce(!id as u64)?);
                if counts.0 != counts.1 {
                    return Ok(None);
                }
                counts.0
            }
        };
        for text in others {
            total += tokenizer.count(text)?;
        }
        Ok(u32::try_from(total).ok())
    }

    fn nonce_before(&self, index: u64) -> String {
        let mut text = Vec::new();
        Nonce::of_request(self.lexicon, self.seed, index).write(self.lexicon.nonce_words(), &mut text);
        text.push(b' ');
        String::from_utf8(text).unwrap_or_default()
    }

    /// Tokens to generate: as the file says, as many as the file's answer has, or as the workload says.
    fn output_tokens(&self, id: usize, entry: &Entry) -> Result<u32, PromptError> {
        let answer = match (self.tokenizer, &entry.answer) {
            (Some(tokenizer), Some(answer)) => u32::try_from(tokenizer.count(answer)?).ok(),
            _ => None,
        };
        let mut random = random_of(self.seed, id as u64);
        let drawn = tokens::draw(&self.prompts.output_tokens, &mut random);
        Ok(entry
            .output_tokens
            .or(answer.filter(|tokens| *tokens > 0))
            .unwrap_or(drawn))
    }

    fn wrong(&self, place: usize, format: FileFormat, problem: String) -> PromptError {
        let path = self.path.to_owned();
        match format {
            FileFormat::JsonLines => PromptError::Line {
                path,
                line: place,
                problem,
            },
            FileFormat::Sharegpt => PromptError::Conversation {
                path,
                number: place,
                problem,
            },
        }
    }
}

/// The JSON value of a prompt with its beginning, or a hole where the nonce goes, and the texts in it, the one that is begun so
/// first.
fn mark<'q>(
    question: &'q Question,
    dialect: Dialect,
    beginning: &Beginning,
) -> Result<(String, Vec<&'q str>), String> {
    let before = match beginning {
        Beginning::Nothing => None,
        Beginning::Salt(salt) => Some(("salt", salt.as_str())),
        Beginning::Nonce => Some(("nonce", HOLE)),
    };
    match question {
        Question::Text(text) => {
            let marked = before.map_or_else(|| text.clone(), |(_, before)| format!("{before} {text}"));
            let quoted = Value::from(marked).to_string();
            // The frame brings its own quotation marks.
            let escaped = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let (open, close) = prompt_frame(dialect);
            let json = format!("{open}{}{close}", escaped.unwrap_or_default());
            Ok((json, vec![text]))
        }
        Question::Messages(_) if !dialect.takes_messages() => {
            Err("this endpoint takes a \"prompt\", not \"messages\"".into())
        }
        Question::Messages(messages) => {
            let texts: Vec<&str> = messages.iter().flat_map(texts_of).collect();
            let mut marked = messages.clone();
            if let Some((name, before)) = before
                && !marked.iter_mut().any(|message| begin_text(message, before))
            {
                return Err(format!(
                    "no message has a text that a {name} could go into; set \"{name}\" to false"
                ));
            }
            Ok((Value::from(marked).to_string(), texts))
        }
    }
}

/// Puts words at the start of a message's text: its content, or the first text among the parts of it.
fn begin_text(message: &mut Value, words: &str) -> bool {
    let mut parts = match message.get_mut("content") {
        Some(content @ Value::String(_)) => vec![content],
        Some(Value::Array(parts)) => parts.iter_mut().filter_map(|part| part.get_mut("text")).collect(),
        _ => vec![],
    };
    let text = parts.iter_mut().find_map(|part| match part {
        Value::String(text) => Some(text),
        _ => None,
    });
    if let Some(text) = text {
        text.insert_str(0, &format!("{words} "));
        return true;
    }
    false
}

/// The texts of a message.
fn texts_of(message: &Value) -> Vec<&str> {
    match message.get("content") {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part.get("text")?.as_str())
            .collect(),
        _ => vec![],
    }
}
