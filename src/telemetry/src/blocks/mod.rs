//! Samples in an appendable file: whatever was appended before a process was killed can be read.
//!
//! A file is a header and blocks. The header is [`MAGIC`] and the [`Anchor`](crate::clock::Anchor) of the clock that the samples
//! have their times from, as three little-endian numbers of eight bytes. A block is the length of its payload and its CRC-32,
//! each a little-endian number of four bytes, and the payload: the samples, as postcard encodes a list.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::{BlockFile, BlockReadError};
pub use write::{BlockWriteError, BlockWriter};

/// What a file begins with; its last byte is the format's version.
const MAGIC: [u8; 8] = *b"hpbtele\x01";
const HEADER_BYTES: usize = MAGIC.len() + 3 * 8;
const BLOCK_HEADER_BYTES: usize = 8;
/// Largest payload of a block.
pub const MAX_BLOCK_BYTES: usize = 4 << 20;
