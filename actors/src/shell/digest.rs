//! Digests of files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use hpcbench_core::event::ArtifactRecorded;
use sha2::{Digest, Sha256};

const BLOCK_BYTES: usize = 1 << 16;

/// A file's length and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    /// Its length.
    pub bytes: u64,
    /// Its hex SHA-256.
    pub sha256: String,
}

/// Reads a file to its end.
pub fn digest_file(path: &Path) -> io::Result<FileDigest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        hasher.update(block.get(..read).unwrap_or_default());
    }
    Ok(FileDigest {
        bytes,
        sha256: hex(&hasher.finalize()),
    })
}

/// A file of the run directory as an artifact: it is on the disk, and so are its name and those of the directories on the
/// way to it. The log, which names it, may outlive a power cut.
pub fn artifact(run_dir: &Path, relative: &str) -> io::Result<ArtifactRecorded> {
    let path = run_dir.join(relative);
    let FileDigest { bytes, sha256 } = digest_file(&path)?;
    File::open(&path)?.sync_all()?;
    let below = path
        .ancestors()
        .skip(1)
        .take_while(|dir| dir.starts_with(run_dir));
    for directory in below {
        File::open(directory)?.sync_all()?;
    }
    Ok(ArtifactRecorded {
        path: relative.to_owned(),
        bytes,
        sha256,
    })
}

/// Bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
