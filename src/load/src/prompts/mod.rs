//! What is asked: prompts, ready as JSON, before the clock starts.

mod counter;
mod error;
mod file;
mod lexicon;
mod nonce;
mod parallel;
mod synthetic;
mod tokenizer;
mod tokens;

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

pub use counter::TokenCounter;
pub use error::PromptError;
use file::FilePrompts;
pub(crate) use lexicon::Lexicon;
pub(crate) use nonce::Nonce;
use synthetic::Synthetic;
use tokenizer::Tokenizer;

use crate::spec::{Dialect, PromptSource, Prompts};

/// One prompt as the JSON value of a request's prompt or messages, cut where the nonce goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prompt {
    /// Up to the nonce.
    pub(crate) head: Arc<[u8]>,
    /// From the nonce on.
    pub(crate) tail: Box<[u8]>,
    /// Words of the nonce; 0 for none.
    pub(crate) nonce_words: usize,
    /// Tokens of its text, nonce included: exact with a tokenizer, else an estimate; `None` where there is neither.
    pub(crate) input_planned: Option<u32>,
    /// Tokens to generate.
    pub(crate) output_planned: u32,
}

/// A trial's prompts. Request `i` of the trial asks prompt `i` modulo their number.
#[derive(Debug)]
pub(crate) struct PromptSet {
    prompts: Vec<Prompt>,
    lexicon: Arc<Lexicon>,
    seed: u64,
    tokenizer_hash: Option<String>,
}

impl PromptSet {
    /// Makes all prompts. The same specification and seed give the same prompts on every client. `requests` is the
    /// number of requests of all clients, where that is known: no more prompts are made.
    pub(crate) fn generate(
        prompts: &Prompts,
        dialect: Dialect,
        seed: u64,
        requests: Option<u64>,
    ) -> Result<Self, PromptError> {
        tokens::check(&prompts.output_tokens, "output_tokens")?;
        let tokenizer = prompts.tokenizer.as_deref().map(Tokenizer::open).transpose()?;
        let tokenizer = tokenizer.as_ref();
        // Only what is made here has to be made of words of one token.
        let needs_words = prompts.nonce || matches!(prompts.source, PromptSource::Synthetic { .. });
        let lexicon = match tokenizer {
            Some(tokenizer) if needs_words => Lexicon::of(tokenizer)?,
            _ => Lexicon::estimated(),
        };
        let made = match &prompts.source {
            PromptSource::Synthetic {
                input_tokens,
                shared_prefix_tokens,
            } => {
                tokens::check(input_tokens, "input_tokens")?;
                let synthetic = Synthetic {
                    prompts,
                    input_tokens,
                    shared_prefix_tokens: *shared_prefix_tokens,
                    lexicon: &lexicon,
                    tokenizer,
                    dialect,
                    seed,
                    requests,
                };
                synthetic.generate()?
            }
            PromptSource::File { path, format, salt } => {
                let reader = FilePrompts {
                    prompts,
                    path,
                    salt: *salt,
                    lexicon: &lexicon,
                    tokenizer,
                    dialect,
                    seed,
                    requests,
                };
                reader.read(*format)?
            }
        };
        Ok(Self {
            prompts: made,
            tokenizer_hash: tokenizer.map(|tokenizer| tokenizer.sha256().to_owned()),
            lexicon: Arc::new(lexicon),
            seed,
        })
    }

    /// The words that prompts are made of.
    pub(crate) fn lexicon(&self) -> &Arc<Lexicon> {
        &self.lexicon
    }

    /// The nonce of the trial's request `index`.
    pub(crate) fn nonce(&self, index: u64) -> Nonce<'_> {
        Nonce::of_request(&self.lexicon, self.seed, index)
    }

    /// SHA-256 of the tokenizer that prompts were counted with.
    pub(crate) fn tokenizer_hash(&self) -> Option<&str> {
        self.tokenizer_hash.as_deref()
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

#[cfg(test)]
mod tests;
