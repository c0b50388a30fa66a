//! Digests of what is read or copied, block by block.

use std::fmt::Write as _;
use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

/// Read at once: images have gigabytes, and a parallel file system likes large reads.
const BLOCK_BYTES: usize = 1 << 20;

/// How much was read, and its hex SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digested {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// Copies everything, and digests it on the way.
pub(crate) fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<Digested> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        let read = match from.read(&mut block) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let part = block.get(..read).unwrap_or_default();
        hasher.update(part);
        to.write_all(part)?;
        bytes += read as u64;
    }
    Ok(Digested {
        bytes,
        sha256: hex(&hasher.finalize()),
    })
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Hex SHA-256 of a few bytes.
pub(crate) fn of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
