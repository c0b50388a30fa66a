//! A few words that make each request's prompt different from all others of the trial.

use super::lexicon::Lexicon;

/// Odd, so that stepping by it visits every one of a power of two of nonces once.
const STEP: u128 = 0x9E37_79B9_7F4A_7C15;

/// The nonce of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nonce<'a> {
    number: u128,
    lexicon: &'a Lexicon,
}

impl<'a> Nonce<'a> {
    /// The nonce of the trial's request `index`: different for every index of a trial.
    pub(crate) fn of_request(lexicon: &'a Lexicon, seed: u64, index: u64) -> Self {
        let bits = lexicon.nonce_bits() * lexicon.nonce_words() as u32;
        let number = u128::from(index) * STEP + u128::from(mix(seed));
        Self {
            number: number & ((1 << bits) - 1),
            lexicon,
        }
    }

    /// Writes the first `count` words.
    pub(crate) fn write(self, count: usize, out: &mut Vec<u8>) {
        for position in 0..count {
            if position > 0 {
                out.extend_from_slice(self.lexicon.separator().as_bytes());
            }
            out.extend_from_slice(self.word(position).as_bytes());
        }
    }

    /// The words, without end.
    pub(crate) fn words(self) -> impl Iterator<Item = &'a str> {
        (0..).map(move |position| self.word(position))
    }

    fn word(self, position: usize) -> &'a str {
        let bits = self.lexicon.nonce_bits();
        let shift = bits as usize * (position % self.lexicon.nonce_words());
        let index = (self.number >> shift) & ((1 << bits) - 1);
        self.lexicon.word(index as usize)
    }
}

/// `SplitMix64`'s finalizer: spreads a seed over all bits.
pub(super) const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nonces_differ() {
        let lexicon = Lexicon::estimated();
        let number = |seed, index| Nonce::of_request(&lexicon, seed, index).number;
        let all: HashSet<u128> = (0..100_000).map(|index| number(7, index)).collect();
        assert_eq!(all.len(), 100_000);
        assert_ne!(number(7, 0), number(8, 0));
        assert_ne!(number(7, 0), number(7, u64::MAX));
    }

    #[test]
    fn words_are_counted() {
        let lexicon = Lexicon::estimated();
        let nonce = Nonce::of_request(&lexicon, 1, 2);
        for count in 0..=lexicon.nonce_words() {
            let mut out = Vec::new();
            nonce.write(count, &mut out);
            let words: Vec<&str> = nonce.words().take(count).collect();
            assert_eq!(String::from_utf8(out).unwrap(), words.join(" "));
        }
    }
}
