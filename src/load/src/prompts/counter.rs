//! Counting tokens of texts that are no prompts.

use std::path::Path;

use super::PromptError;
use super::tokenizer::Tokenizer;

/// Counts the tokens of texts as a model's `tokenizer.json` has it. Special tokens that a server adds are not counted.
#[derive(Debug)]
pub struct TokenCounter(Tokenizer);

impl TokenCounter {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn open(path: &Path) -> Result<Self, PromptError> {
        Tokenizer::open(path).map(Self)
    }

    /// Number of the text's tokens.
    ///
    /// # Errors
    /// The tokenizer cannot tell.
    pub fn count(&self, text: &str) -> Result<u32, PromptError> {
        Ok(u32::try_from(self.0.count(text)?).unwrap_or(u32::MAX))
    }
}
