//! What is asked: prompts, ready as JSON, before the clock starts.

mod file;
mod nonce;
mod synthetic;
mod tokens;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

pub(crate) use nonce::Nonce;

use crate::spec::{Dialect, PromptSource, Prompts};

/// Why prompts cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// A number of tokens that cannot be drawn.
    #[error("{what}: {problem}")]
    TokenCount {
        /// Which of the workload's numbers.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file cannot be read.
    #[error("cannot read the prompt file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The file is too large to be held in memory.
    #[error("the prompt file {path} has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A line is no prompt.
    #[error("{path}:{line}: {problem}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There is nothing in the file.
    #[error("the prompt file {path} has no prompt")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// One prompt as the JSON value of a request's prompt or messages, cut where the nonce goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prompt {
    /// Up to the nonce.
    pub(crate) head: Arc<[u8]>,
    /// From the nonce on.
    pub(crate) tail: Box<[u8]>,
    /// Words of the nonce; 0 for none.
    pub(crate) nonce_words: usize,
    /// Estimated input tokens; `None` where the text is somebody else's.
    pub(crate) input_planned: Option<u32>,
    /// Tokens to generate.
    pub(crate) output_planned: u32,
}

/// A trial's prompts. Request `i` of the trial asks prompt `i` modulo their number.
#[derive(Debug)]
pub(crate) struct PromptSet {
    prompts: Vec<Prompt>,
}

impl PromptSet {
    /// Makes all prompts. The same specification and seed give the same prompts on every client.
    pub(crate) fn generate(prompts: &Prompts, dialect: Dialect, seed: u64) -> Result<Self, PromptError> {
        tokens::check(&prompts.output_tokens, "output_tokens")?;
        let prompts = match &prompts.source {
            PromptSource::Synthetic {
                input_tokens,
                shared_prefix_tokens,
            } => {
                tokens::check(input_tokens, "input_tokens")?;
                synthetic::generate(prompts, input_tokens, *shared_prefix_tokens, dialect, seed)
            }
            PromptSource::File { path } => file::read(prompts, path, dialect, seed)?,
        };
        Ok(Self { prompts })
    }

    /// The prompt of the trial's request `index`, and the prompt's own number.
    pub(crate) fn of_request(&self, index: u64) -> Option<(u64, &Prompt)> {
        let id = index.checked_rem(self.prompts.len() as u64)?;
        Some((id, self.prompts.get(id as usize)?))
    }

    /// Number of different prompts.
    pub(crate) fn len(&self) -> usize {
        self.prompts.len()
    }
}

/// The random source of one prompt: independent of how many others are made.
fn random_of(seed: u64, prompt: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(nonce::mix(seed ^ nonce::mix(prompt)))
}

/// What stands around a prompt's text to make it the JSON value that the dialect wants.
fn frame(dialect: Dialect) -> (&'static str, &'static str) {
    if dialect.takes_messages() {
        (r#"[{"role":"user","content":""#, r#""}]"#)
    } else {
        ("\"", "\"")
    }
}

#[cfg(test)]
mod tests;
