//! One line of the log: an event in its envelope, chained to the line before it.
//!
//! ```text
//! {"seq":2,"prev":"<64 hex>","at":"…","type":"…","v":1,"actor":"…","node":"…",
//!  "correlation":"…","causation":1,"durable":1,"data":{…},"sum":"<16 hex>"}
//! ```
//!
//! `sum` is the first 16 hex digits of the SHA-256 of everything before `,"sum":`; `prev` is the SHA-256 of the
//! whole line before. Both share all but the last bytes, so each line is hashed once: the state of the hash
//! at `,"sum":` is copied, finished for `sum`, and continued for the line.

mod decode;
mod encode;

pub(crate) use decode::{Decoded, decode};
pub(crate) use encode::{Place, encode};

use sha2::{Digest, Sha256};

use crate::LineHash;
use crate::hash::write_hex;

/// Longest line that is read, in bytes and without its newline.
pub const MAX_LINE_BYTES: usize = 4 << 20;
/// Longest line that is written: what a message of the bus has room for.
pub const MAX_WRITTEN_BYTES: usize = 1 << 20;

const SUM_KEY: &[u8] = b",\"sum\":";
const SUM_DIGITS: usize = 16;
/// `,"sum":"` + 16 digits + `"}`.
const TAIL_BYTES: usize = SUM_KEY.len() + SUM_DIGITS + 3;

/// The line's last bytes, as they follow from what stands before them.
fn tail_of(sum: [u8; SUM_DIGITS]) -> [u8; TAIL_BYTES] {
    let mut tail = [b'"'; TAIL_BYTES];
    tail[..SUM_KEY.len()].copy_from_slice(SUM_KEY);
    tail[SUM_KEY.len() + 1..][..SUM_DIGITS].copy_from_slice(&sum);
    tail[TAIL_BYTES - 1] = b'}';
    tail
}

/// The `sum` of a line that begins with `body`, and the hash of the whole line.
fn digest(body: &[u8]) -> ([u8; SUM_DIGITS], LineHash) {
    let mut hasher = Sha256::new_with_prefix(body);
    let of_body: [u8; 32] = hasher.clone().finalize().into();
    let mut sum = [0; SUM_DIGITS];
    write_hex(&of_body[..SUM_DIGITS / 2], &mut sum);
    hasher.update(tail_of(sum));
    (sum, LineHash::from_bytes(hasher.finalize().into()))
}

#[cfg(test)]
mod tests;
