//! Prompts of random words.

use std::sync::Arc;

use rand::Rng;

use super::lexicon::Lexicon;
use super::nonce::Nonce;
use super::parallel;
use super::tokenizer::Tokenizer;
use super::{Prompt, PromptError, random_of, tokens};
use crate::dialect::prompt_frame;
use crate::spec::{Dialect, Prompts, TokenCount};

/// Most prompts that are made where the number of requests is known.
const MAX_PROMPTS: usize = 16_384;

/// Most prompts that are made where it is not; longer trials use them again, with other nonces.
const MAX_UNCOUNTED_PROMPTS: usize = 4_096;

/// Least prompts that are made, however long they are.
const MIN_PROMPTS: usize = 16;

/// Memory that all prompts together may take, roughly.
const MAX_TOTAL_BYTES: f64 = 128.0 * 1024.0 * 1024.0;

/// Tokens that a tokenizer may have to count before a trial, roughly: some seconds on two cores.
const MAX_COUNTED_TOKENS: f64 = 6e6;

/// Words of the shared prefix that a prompt is counted with.
const CONTEXT_WORDS: usize = 64;

/// How often a prompt of the wrong length is made longer or shorter before it is given up.
const MAX_CORRECTIONS: usize = 8;

/// The random source of the shared prefix, which belongs to no prompt.
const PREFIX: u64 = u64::MAX;

/// What all prompts of a trial have in common.
pub(super) struct Synthetic<'a> {
    pub(super) prompts: &'a Prompts,
    pub(super) input_tokens: &'a TokenCount,
    pub(super) shared_prefix_tokens: u32,
    pub(super) lexicon: &'a Lexicon,
    pub(super) tokenizer: Option<&'a Tokenizer>,
    pub(super) dialect: Dialect,
    pub(super) seed: u64,
    /// Requests of the trial, where that is known.
    pub(super) requests: Option<u64>,
}

/// The shared prefix as it is needed.
struct Prefix {
    /// Up to a nonce.
    before_nonce: Arc<[u8]>,
    /// Up to words that bring what stands before them, or to the end.
    bare: Arc<[u8]>,
    /// Its last words.
    context: String,
    context_words: usize,
}

impl Synthetic<'_> {
    /// Makes the prompts: shared prefix, nonce, words of their own.
    pub(super) fn generate(&self) -> Result<Vec<Prompt>, PromptError> {
        let prefix = self.prefix()?;
        parallel::map(self.number(), |id| self.prompt(id, &prefix))
    }

    /// How many different prompts are worth their time and memory.
    fn number(&self) -> usize {
        let tokens = tokens::largest(self.input_tokens).max(1.0);
        let most = match self.requests {
            Some(requests) => usize::try_from(requests).map_or(MAX_PROMPTS, |most| most.min(MAX_PROMPTS)),
            None => MAX_UNCOUNTED_PROMPTS,
        };
        let in_memory = MAX_TOTAL_BYTES / (tokens * self.lexicon.bytes_per_word());
        let in_time = self.tokenizer.map_or(f64::MAX, |_| MAX_COUNTED_TOKENS / tokens);
        let affordable = (in_memory.min(in_time) as usize).max(MIN_PROMPTS);
        most.min(affordable).max(1)
    }

    fn prefix(&self) -> Result<Prefix, PromptError> {
        let shared = self.shared_prefix_tokens as usize;
        let mut random = random_of(self.seed, PREFIX);
        let mut text = Text::default();
        // Its last word may stand beside a nonce.
        let words = (1..=shared).map(|nth| self.lexicon.random(nth == shared, &mut random));
        words.for_each(|word| text.push(self.lexicon, word));
        self.settle(&mut text, 0, shared, &mut random)?;
        let mut bytes = prompt_frame(self.dialect).0.as_bytes().to_vec();
        bytes.extend_from_slice(text.string.as_bytes());
        let bare = Arc::from(bytes.as_slice());
        if shared > 0 {
            bytes.extend_from_slice(self.lexicon.separator().as_bytes());
        }
        let context_words = text.starts.len().min(CONTEXT_WORDS);
        let context_start = text.start_of(text.starts.len() - context_words);
        let context = text.string.split_off(context_start);
        // Like the whole prefix, it begins with a word.
        let context = context.strip_prefix(self.lexicon.separator()).unwrap_or(&context);
        Ok(Prefix {
            before_nonce: bytes.into(),
            bare,
            context: context.to_owned(),
            context_words,
        })
    }

    fn prompt(&self, id: usize, prefix: &Prefix) -> Result<Prompt, PromptError> {
        let mut random = random_of(self.seed, id as u64);
        let output_planned = tokens::draw(&self.prompts.output_tokens, &mut random);
        let input = tokens::draw(self.input_tokens, &mut random) as usize;
        let own = input.saturating_sub(self.shared_prefix_tokens as usize);
        let nonce_words = if self.prompts.nonce {
            own.min(self.lexicon.nonce_words())
        } else {
            0
        };
        let mut text = Text::after(&prefix.context);
        // As the trial's first round of requests sends it.
        let nonce = Nonce::of_request(self.lexicon, self.seed, id as u64);
        for word in nonce.words().take(nonce_words) {
            text.push(self.lexicon, word);
        }
        let tail = text.string.len();
        for nth in 0..own - nonce_words {
            text.push(self.lexicon, self.lexicon.random(nth == 0, &mut random));
        }
        self.settle(&mut text, nonce_words, prefix.context_words + own, &mut random)?;
        let mut tail = text.string.split_off(tail).into_bytes();
        tail.extend_from_slice(prompt_frame(self.dialect).1.as_bytes());
        let head = if nonce_words > 0 {
            &prefix.before_nonce
        } else {
            &prefix.bare
        };
        Ok(Prompt {
            head: Arc::clone(head),
            tail: tail.into(),
            nonce_words,
            input_planned: Some(input.max(self.shared_prefix_tokens as usize) as u32),
            output_planned,
        })
    }

    /// Makes sure that a text has the tokens that it is wanted to have, adding and taking away words; the first
    /// `fixed` ones stay. Without a tokenizer a word counts as a token.
    fn settle(
        &self,
        text: &mut Text,
        fixed: usize,
        wanted: usize,
        random: &mut impl Rng,
    ) -> Result<(), PromptError> {
        let Some(tokenizer) = self.tokenizer else {
            return Ok(());
        };
        let mut found = tokenizer.count(&text.string)?;
        for _ in 0..MAX_CORRECTIONS {
            if found == wanted {
                return Ok(());
            }
            text.truncate(
                text.starts
                    .len()
                    .saturating_sub(found.saturating_sub(wanted))
                    .max(fixed),
            );
            for _ in found..wanted {
                text.push(self.lexicon, self.lexicon.random(true, random));
            }
            found = tokenizer.count(&text.string)?;
        }
        if found == wanted {
            return Ok(());
        }
        Err(PromptError::Inexact {
            path: tokenizer.path().to_owned(),
            wanted,
            found,
        })
    }
}

/// A text that knows where its words are.
#[derive(Default)]
struct Text {
    string: String,
    /// Where each word begins, with what belongs before it.
    starts: Vec<usize>,
}

impl Text {
    /// A text that goes on after words that are not its own.
    fn after(context: &str) -> Self {
        Self {
            string: context.to_owned(),
            starts: Vec::new(),
        }
    }

    fn push(&mut self, lexicon: &Lexicon, word: &str) {
        self.starts.push(self.string.len());
        lexicon.push(&mut self.string, word);
    }

    fn start_of(&self, word: usize) -> usize {
        self.starts.get(word).copied().unwrap_or(self.string.len())
    }

    fn truncate(&mut self, words: usize) {
        self.string.truncate(self.start_of(words));
        self.starts.truncate(words);
    }
}
