//! Counts in a message: base64 of pairs of variable-length integers, the distance to the bin before and the count.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::FineCounts;
use super::counts::BINS;

/// Bits of a byte that carry the number; the highest says that more follow.
const PAYLOAD_BITS: u32 = 7;
/// A 32-bit number takes at most five bytes.
const LONGEST_NUMBER: usize = 5;
/// Longest text that is accepted: every bin with the longest distance and count.
const MAX_CHARACTERS: usize = BINS * 2 * LONGEST_NUMBER * 4 / 3 + 4;

/// Why a text is no list of counts.
#[derive(Debug, thiserror::Error)]
enum CountsError {
    /// It is longer than any that is written.
    #[error("the counts take {0} characters, more than the limit of {MAX_CHARACTERS}")]
    TooLong(usize),
    /// It is not base64.
    #[error("the counts are not base64")]
    Base64(#[from] base64::DecodeError),
    /// A number is cut or too large, a bin is not there, or a count is zero.
    #[error("the counts are no list of bins and counts")]
    Malformed,
}

impl Serialize for FineCounts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        let mut next = 0;
        for (bin, count) in self.bins() {
            push(&mut bytes, (bin - next) as u32);
            push(&mut bytes, count);
            next = bin + 1;
        }
        serializer.serialize_str(&STANDARD.encode(&bytes))
    }
}

impl<'de> Deserialize<'de> for FineCounts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        decode(&text).map_err(serde::de::Error::custom)
    }
}

fn decode(text: &str) -> Result<FineCounts, CountsError> {
    if text.len() > MAX_CHARACTERS {
        return Err(CountsError::TooLong(text.len()));
    }
    let bytes = STANDARD.decode(text)?;
    let mut rest = bytes.as_slice();
    let mut counts = FineCounts::default();
    let mut next = 0;
    while !rest.is_empty() {
        let distance = take(&mut rest)?;
        let count = take(&mut rest)?;
        let bin = next + distance as usize;
        if bin >= BINS || count == 0 {
            return Err(CountsError::Malformed);
        }
        counts.add(bin, count);
        next = bin + 1;
    }
    Ok(counts)
}

fn push(bytes: &mut Vec<u8>, mut number: u32) {
    while number >> PAYLOAD_BITS > 0 {
        bytes.push(number as u8 | 1 << PAYLOAD_BITS);
        number >>= PAYLOAD_BITS;
    }
    bytes.push(number as u8);
}

fn take(rest: &mut &[u8]) -> Result<u32, CountsError> {
    let mut number = 0_u64;
    for place in 0..LONGEST_NUMBER as u32 {
        let (byte, after) = rest.split_first().ok_or(CountsError::Malformed)?;
        *rest = after;
        number |= u64::from(byte & !(1 << PAYLOAD_BITS)) << (place * PAYLOAD_BITS);
        if byte >> PAYLOAD_BITS == 0 {
            return u32::try_from(number).map_err(|_| CountsError::Malformed);
        }
    }
    Err(CountsError::Malformed)
}
