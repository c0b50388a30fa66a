//! Prompts of a replayed trace: as long as its lines say, and alike where they say so.

use std::sync::Arc;

use crate::dialect::prompt_frame;
use crate::prompts::{Lexicon, Nonce};
use crate::spec::{Dialect, TraceRequest};

/// Words that texts are cut out of.
const POOL_WORDS: u32 = 65_535;

/// Spreads numbers that follow each other.
const LARGE_ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Told apart from the seeds of nonces and of synthetic prompts.
const POOL_SEED: u64 = 0x7472_6163_6574_6578;

/// The prompts of a trace. A prompt is made of blocks of text; a block begins with words of its own, made from its
/// name, and goes on with a piece of a text that all blocks share. So two blocks with the same name are alike, and two
/// with different names differ from their first words on, which is what decides over hits in a prefix cache. Nothing
/// is drawn while the load runs: a prompt is copied together, all of it of words of which any two can stand side by side
/// as one token each, if there is a tokenizer.
#[derive(Debug)]
pub(crate) struct RecordedPrompts {
    requests: Arc<[TraceRequest]>,
    block_tokens: u32,
    nonce: bool,
    seed: u64,
    frame: (&'static str, &'static str),
    lexicon: Arc<Lexicon>,
    pool: Pool,
}

/// Tokens of one request of the trace, as far as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) input: Option<u32>,
    pub(crate) output: Option<u32>,
}

impl RecordedPrompts {
    pub(crate) fn new(
        requests: Arc<[TraceRequest]>,
        block_tokens: u32,
        dialect: Dialect,
        nonce: bool,
        seed: u64,
        lexicon: Arc<Lexicon>,
    ) -> Self {
        Self {
            requests,
            block_tokens: block_tokens.max(1),
            nonce,
            seed,
            frame: prompt_frame(dialect),
            pool: Pool::new(seed, &lexicon),
            lexicon,
        }
    }

    /// What the trace says about its request `index`.
    pub(crate) fn lengths(&self, index: u64) -> Option<Lengths> {
        let request = self.requests.get(index as usize)?;
        Some(Lengths {
            input: request.input_tokens,
            output: request.output_tokens,
        })
    }

    /// Appends the prompt of request `index`, of `tokens` tokens, one a word.
    pub(crate) fn write(&self, index: u64, tokens: u32, out: &mut Vec<u8>) {
        let (open, close) = self.frame;
        out.extend_from_slice(open.as_bytes());
        let start = out.len();
        let blocks = self.requests.get(index as usize).map(|request| &*request.blocks);
        let mut rest = tokens;
        for name in blocks.unwrap_or_default() {
            let words = rest.min(self.block_tokens);
            self.separate(start, out);
            self.write_text(self.seed ^ POOL_SEED, *name, true, words, out);
            rest -= words;
        }
        if rest > 0 {
            self.separate(start, out);
            self.write_text(self.seed, index, self.nonce, rest, out);
        }
        out.extend_from_slice(close.as_bytes());
    }

    /// Appends what stands between two words, unless the prompt is still empty.
    fn separate(&self, start: usize, out: &mut Vec<u8>) {
        if out.len() > start {
            out.extend_from_slice(self.lexicon.separator().as_bytes());
        }
    }

    /// Appends `words` words of the text that is called `name`.
    fn write_text(&self, seed: u64, name: u64, named: bool, words: u32, out: &mut Vec<u8>) {
        let own = if named {
            words.min(self.lexicon.nonce_words() as u32)
        } else {
            0
        };
        Nonce::of_request(&self.lexicon, seed, name).write(own as usize, out);
        if words > own {
            let after = if own > 0 { self.lexicon.separator() } else { "" };
            out.extend_from_slice(after.as_bytes());
            let start = name.wrapping_mul(LARGE_ODD) >> 32;
            self.pool.write(start as u32 % POOL_WORDS, words - own, out);
        }
    }
}

/// A text whose pieces prompts are made of.
#[derive(Debug)]
struct Pool {
    text: String,
    /// Where each word ends, without what stands after it.
    ends: Vec<u32>,
    separator: &'static str,
}

impl Pool {
    fn new(seed: u64, lexicon: &Lexicon) -> Self {
        let mut pool = Self {
            text: String::new(),
            ends: Vec::new(),
            separator: lexicon.separator(),
        };
        for word in 0..u64::from(POOL_WORDS) {
            let nonce = Nonce::of_request(lexicon, seed ^ POOL_SEED, word.wrapping_mul(LARGE_ODD));
            for word in nonce.words().take(1) {
                lexicon.push(&mut pool.text, word);
            }
            pool.ends.push(pool.text.len() as u32);
        }
        pool
    }

    /// Appends `count` words from word `start` on, from the beginning again after the end.
    fn write(&self, start: u32, mut count: u32, out: &mut Vec<u8>) {
        let mut start = start as usize;
        while count > 0 {
            let end = self.ends.len().min(start + count as usize);
            let after_last = start.checked_sub(1).and_then(|before| self.ends.get(before));
            let from = after_last.map_or(0, |end| *end as usize + self.separator.len());
            let to = end.checked_sub(1).and_then(|last| self.ends.get(last));
            let words = self.text.get(from..to.map_or(0, |end| *end as usize));
            out.extend_from_slice(words.unwrap_or_default().as_bytes());
            count -= (end - start) as u32;
            if count > 0 {
                out.extend_from_slice(self.separator.as_bytes());
            }
            start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(input: u32, blocks: &[u64]) -> TraceRequest {
        TraceRequest {
            at: 0,
            input_tokens: Some(input),
            output_tokens: None,
            blocks: blocks.into(),
        }
    }

    fn prompts(requests: &[TraceRequest]) -> RecordedPrompts {
        RecordedPrompts::new(
            requests.into(),
            8,
            Dialect::Completions,
            true,
            7,
            Arc::new(Lexicon::estimated()),
        )
    }

    fn text(prompts: &RecordedPrompts, index: u64) -> Vec<String> {
        let mut out = Vec::new();
        let tokens = prompts.lengths(index).unwrap().input.unwrap();
        prompts.write(index, tokens, &mut out);
        let text: String = serde_json::from_slice(&out).unwrap();
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_same_names_stand_for_the_same_text() {
        let prompts = prompts(&[
            request(16, &[1, 2]),
            request(20, &[1, 2, 3]),
            request(11, &[1, 2]),
            request(16, &[4, 2]),
        ]);
        let all: Vec<Vec<String>> = (0..4).map(|index| text(&prompts, index)).collect();
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [16, 20, 11, 16]);
        assert_eq!(all[0], all[1][..16]);
        assert_eq!(all[2], all[0][..11]);
        // The second block is the same text after another first one.
        assert_ne!(all[3][..5], all[0][..5]);
        assert_eq!(all[3][8..], all[0][8..]);
    }

    #[test]
    fn without_names_all_differ_and_lengths_hold() {
        let prompts = prompts(&[
            request(1, &[]),
            request(POOL_WORDS * 2 + 9, &[]),
            request(40, &[]),
            request(40, &[]),
        ]);
        assert_eq!(text(&prompts, 0).len(), 1);
        assert_eq!(text(&prompts, 1).len(), POOL_WORDS as usize * 2 + 9);
        assert_ne!(text(&prompts, 2)[..5], text(&prompts, 3)[..5]);
        assert_eq!(prompts.lengths(4), None);
    }

    #[test]
    fn every_node_makes_the_same_text() {
        let trace = [request(30, &[9, 8, 7, 6])];
        assert_eq!(text(&prompts(&trace), 0), text(&prompts(&trace), 0));
    }
}
