//! A few words that make each request's prompt different from all others of the trial.

use super::synthetic::WORDS;

/// Words of a nonce where there is room for them.
pub(super) const NONCE_WORDS: usize = 5;

/// Number of different nonces: five words of the list.
const SPACE: u128 = (WORDS as u128).pow(NONCE_WORDS as u32);

/// An odd number that is no multiple of 223 and so shares no factor with [`SPACE`]: stepping by it visits every
/// nonce once.
const STEP: u128 = 0x9E37_79B9_7F4A_7C15;

/// The nonce of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nonce(u128);

impl Nonce {
    /// The nonce of the trial's request `index`: different for every index of a trial.
    pub(crate) const fn of_request(seed: u64, index: u64) -> Self {
        Self((index as u128 * STEP + mix(seed) as u128) % SPACE)
    }

    /// Writes the first `count` words, each followed by a space.
    pub(crate) fn write(self, count: usize, out: &mut Vec<u8>) {
        let mut rest = self.0;
        for _ in 0..count {
            let word = super::synthetic::word((rest % WORDS as u128) as usize);
            rest /= WORDS as u128;
            out.extend_from_slice(word.as_bytes());
            out.push(b' ');
        }
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
        assert_ne!(STEP % 2, 0);
        assert_ne!(STEP % 223, 0);
        assert_eq!(WORDS, 4 * 223);
        let all: HashSet<u128> = (0..100_000).map(|index| Nonce::of_request(7, index).0).collect();
        assert_eq!(all.len(), 100_000);
        assert_ne!(Nonce::of_request(7, 0), Nonce::of_request(8, 0));
    }

    #[test]
    fn words_are_counted() {
        let mut out = Vec::new();
        Nonce::of_request(1, 2).write(NONCE_WORDS, &mut out);
        assert_eq!(
            String::from_utf8(out.clone()).unwrap().matches(' ').count(),
            NONCE_WORDS
        );
        out.clear();
        Nonce::of_request(1, 2).write(0, &mut out);
        assert!(out.is_empty());
    }
}
