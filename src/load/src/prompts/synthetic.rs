//! Prompts of random words.

use std::sync::{Arc, LazyLock};

use rand::{Rng, RngExt};

use super::nonce::NONCE_WORDS;
use super::{Prompt, frame, random_of, tokens};
use crate::spec::{Dialect, Prompts, TokenCount};

/// Words in the list: common English words that most tokenizers take as one token each.
pub(super) const WORDS: usize = 892;

/// Most prompts that are made; longer trials use them again, with other nonces.
const MAX_PROMPTS: usize = 4_096;

/// Least prompts that are made, however long they are.
const MIN_PROMPTS: usize = 16;

/// Memory that all prompts together may take, roughly.
const MAX_TOTAL_BYTES: f64 = 128.0 * 1024.0 * 1024.0;

/// Bytes of a word and the space before it, on average.
const BYTES_PER_WORD: f64 = 5.7;

/// The random source of the shared prefix, which belongs to no prompt.
const PREFIX: u64 = u64::MAX;

static LIST: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("words.txt").lines().collect());

/// The word with this number, modulo the length of the list.
pub(super) fn word(index: usize) -> &'static str {
    LIST.get(index % WORDS).copied().unwrap_or("word")
}

/// Makes the prompts: shared prefix, nonce, words of their own.
pub(super) fn generate(
    prompts: &Prompts,
    input_tokens: &TokenCount,
    shared_prefix_tokens: u32,
    dialect: Dialect,
    seed: u64,
) -> Vec<Prompt> {
    let (open, close) = frame(dialect);
    let shared = shared_prefix_tokens as usize;
    let mut head = open.as_bytes().to_vec();
    push_words(&mut head, shared, &mut random_of(seed, PREFIX));
    let head: Arc<[u8]> = head.into();
    let per_prompt = tokens::largest(input_tokens) * BYTES_PER_WORD;
    let count = ((MAX_TOTAL_BYTES / per_prompt.max(1.0)) as usize).clamp(MIN_PROMPTS, MAX_PROMPTS);
    let one = |id: usize| {
        let mut random = random_of(seed, id as u64);
        let output_planned = tokens::draw(&prompts.output_tokens, &mut random);
        let input = tokens::draw(input_tokens, &mut random) as usize;
        let own = input.saturating_sub(shared);
        let nonce_words = if prompts.nonce { own.min(NONCE_WORDS) } else { 0 };
        let mut tail = Vec::with_capacity(own * 7);
        push_words(&mut tail, own - nonce_words, &mut random);
        tail.extend_from_slice(close.as_bytes());
        Prompt {
            head: Arc::clone(&head),
            tail: tail.into(),
            nonce_words,
            input_planned: Some(input.max(shared) as u32),
            output_planned,
        }
    };
    (0..count).map(one).collect()
}

/// Appends random words, each followed by a space. None of them needs escaping.
fn push_words(out: &mut Vec<u8>, count: usize, random: &mut impl Rng) {
    for _ in 0..count {
        out.extend_from_slice(word(random.random_range(0..WORDS)).as_bytes());
        out.push(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_as_long_as_it_says_and_needs_no_escapes() {
        assert_eq!(LIST.len(), WORDS);
        assert!(
            LIST.iter()
                .all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()))
        );
    }
}
