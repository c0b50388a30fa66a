//! What Slurm has said, in files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a file; none if there is none, or none that this build understands.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut text = Vec::new();
    File::open(path)
        .ok()?
        .take(MAX_BYTES)
        .read_to_end(&mut text)
        .ok()?;
    serde_json::from_slice(&text).ok()
}

/// Writes a file, readable for its owner alone, whole or not at all.
///
/// # Errors
/// The file system's.
pub(crate) fn write<T: Serialize>(path: &Path, content: &T) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    // Made with mode 0600. What a crash loses is asked for again: it is not synced.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&mut file, content)?;
    file.persist(path)?;
    Ok(())
}
