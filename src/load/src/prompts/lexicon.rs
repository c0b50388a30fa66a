//! The words that prompts are made of.
//!
//! With a tokenizer every word is one token wherever it stands, so that a text of n words has n tokens. That is
//! tried, not assumed: each word alone and among its like, and each pair of the words that nonces are made of, because
//! a nonce is put in when its text can no longer be checked.

use std::sync::LazyLock;

use rand::{Rng, RngExt};

use super::PromptError;
use super::tokenizer::Tokenizer;

/// Words that nonces are made of, without a tokenizer.
const ESTIMATED_NONCE_BITS: u32 = 9;

/// Most words that nonces are made of, as a power of two, with a tokenizer: each pair of them is tried.
const MAX_NONCE_BITS: u32 = 7;

/// A nonce is one of at least two to the power of this.
const NONCE_SPACE_BITS: u32 = 40;

/// Words that a vocabulary should have; if the common ones are fewer, its own are used as well.
const ENOUGH_WORDS: usize = 512;

/// Least words that random text is made of. A vocabulary with fewer is taken apart into pieces.
const MIN_WORDS: usize = 64;

/// Pieces that text is made of where there are too few words.
const MAX_PIECES: usize = 64;

/// Least pieces that random text can be made of.
const MIN_PIECES: usize = 8;

/// Common English words that most tokenizers take as one token each.
static COMMON: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("words.txt").lines().collect());

/// What prompts are made of.
#[derive(Debug)]
pub(crate) struct Lexicon {
    /// None of them needs escaping in JSON. The first ones are those that nonces are made of.
    words: Vec<Box<str>>,
    separator: &'static str,
    nonce_bits: u32,
}

impl Lexicon {
    /// Words for a vocabulary that is not known.
    pub(crate) fn estimated() -> Self {
        Self {
            words: COMMON.iter().copied().map(Box::from).collect(),
            separator: " ",
            nonce_bits: ESTIMATED_NONCE_BITS,
        }
    }

    /// Words that are one token each.
    pub(super) fn of(tokenizer: &Tokenizer) -> Result<Self, PromptError> {
        let mut words = Vec::new();
        for word in COMMON.iter().copied() {
            if is_one_token(tokenizer, word)? {
                words.push(Box::from(word));
            }
        }
        if words.len() < ENOUGH_WORDS {
            add_own_words(tokenizer, &mut words)?;
        }
        if words.len() < MIN_WORDS {
            return Self::of_pieces(tokenizer);
        }
        let compatible = compatible(tokenizer, &words, " ", 1 << MAX_NONCE_BITS)?;
        if compatible.len() < MIN_PIECES {
            return Err(too_poor(tokenizer));
        }
        let nonce_bits = compatible.len().ilog2();
        let rest = words.into_iter().filter(|word| !compatible.contains(word));
        let words = compatible.iter().cloned().chain(rest).collect();
        Ok(Self {
            words,
            separator: " ",
            nonce_bits,
        })
    }

    /// For vocabularies almost without words: single characters and the like, with nothing between them.
    fn of_pieces(tokenizer: &Tokenizer) -> Result<Self, PromptError> {
        let mut single = Vec::new();
        for piece in tokenizer.pieces() {
            if tokenizer.count(&piece)? == 1 && tokenizer.round_trips(&piece)? {
                single.push(piece.into());
            }
        }
        let words = compatible(tokenizer, &single, "", MAX_PIECES)?;
        if words.len() < MIN_PIECES {
            return Err(too_poor(tokenizer));
        }
        let nonce_bits = words.len().ilog2();
        Ok(Self {
            words,
            separator: "",
            nonce_bits,
        })
    }

    /// Words that nonces are made of, as a power of two.
    pub(super) fn nonce_bits(&self) -> u32 {
        self.nonce_bits
    }

    /// Words of a nonce where there is room for them.
    pub(crate) fn nonce_words(&self) -> usize {
        NONCE_SPACE_BITS.div_ceil(self.nonce_bits) as usize
    }

    /// What stands between two words.
    pub(crate) fn separator(&self) -> &'static str {
        self.separator
    }

    /// The word with this number, modulo their number.
    pub(super) fn word(&self, index: usize) -> &str {
        let index = index.checked_rem(self.words.len()).unwrap_or_default();
        self.words.get(index).map_or("word", |word| word)
    }

    /// A word of prompts at random; `edge`: one that may stand beside a nonce.
    pub(super) fn random(&self, edge: bool, random: &mut impl Rng) -> &str {
        let words = if edge {
            1 << self.nonce_bits
        } else {
            self.words.len()
        };
        self.word(random.random_range(0..words))
    }

    /// Appends a word to a text, with what belongs between them.
    pub(crate) fn push(&self, text: &mut String, word: &str) {
        if !text.is_empty() {
            text.push_str(self.separator);
        }
        text.push_str(word);
    }

    /// Bytes of a word and what stands before it, on average.
    pub(super) fn bytes_per_word(&self) -> f64 {
        let bytes: usize = self.words.iter().map(|word| word.len()).sum();
        bytes as f64 / self.words.len().max(1) as f64 + self.separator.len() as f64
    }
}

/// Adds words of the vocabulary's own, until there are enough.
fn add_own_words(tokenizer: &Tokenizer, words: &mut Vec<Box<str>>) -> Result<(), PromptError> {
    for word in tokenizer.words() {
        if words.len() >= ENOUGH_WORDS {
            break;
        }
        if COMMON.binary_search(&word.as_str()).is_err() && is_one_token(tokenizer, &word)? {
            words.push(word.into());
        }
    }
    Ok(())
}

/// Whether a word is one token at the start of a text and after another word, and not one that stands for any unknown
/// word.
fn is_one_token(tokenizer: &Tokenizer, word: &str) -> Result<bool, PromptError> {
    Ok(tokenizer.count(word)? == 1
        && tokenizer.count(&format!("{word} {word} {word}"))? == 3
        && tokenizer.round_trips(word)?)
}

/// The first words of which any two can stand side by side, in either order, as one token each.
fn compatible(
    tokenizer: &Tokenizer,
    words: &[Box<str>],
    separator: &str,
    most: usize,
) -> Result<Vec<Box<str>>, PromptError> {
    let mut chosen: Vec<Box<str>> = Vec::new();
    for word in words {
        if chosen.len() >= most {
            break;
        }
        // The word before, between and after all others.
        let mut text = word.to_string();
        for next in chosen.iter().chain([word]) {
            text.extend([separator, next, separator, word]);
        }
        if tokenizer.count(&text)? == 3 + 2 * chosen.len() {
            chosen.push(word.clone());
        }
    }
    Ok(chosen)
}

fn too_poor(tokenizer: &Tokenizer) -> PromptError {
    PromptError::Vocabulary {
        path: tokenizer.path().to_owned(),
        needed: MIN_PIECES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_need_no_escapes_and_are_sorted() {
        assert!(COMMON.len() >= ENOUGH_WORDS);
        assert!(COMMON.is_sorted());
        let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
        assert!(COMMON.iter().all(is_word));
        assert!(COMMON.len() >= 1 << ESTIMATED_NONCE_BITS);
    }
}
