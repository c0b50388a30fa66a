//! Appendable files of records.
//!
//! ```text
//! file   = magic (8 bytes) · schema version (u32)      block*
//! block  = payload bytes (u32) · records (u32) · CRC-32 (u32)      payload
//! payload = records, one after the other, each in postcard's encoding
//! ```
//!
//! All integers are little-endian. The CRC covers the two numbers before it and the payload. A block is written
//! with one call, so that what a killed client leaves behind is whole blocks and at most one torn one at the end.

mod format;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use format::{MAX_RECORD_BYTES, TARGET_BLOCK_BYTES};
pub use read::{BlockReader, ReadError, TornTail};
pub use write::{BlockWriter, WriteError, Written};
