//! Files that a secret must not be in.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Fails if a file below this folder has the text, but for those whose path ends like one of these.
///
/// # Errors
///
/// A file has it, or the folder cannot be read.
pub fn expect_no_file_with(text: &str, folder: &Path, but_for: &[&str]) -> Result<()> {
    let mut found = Vec::new();
    collect(text, folder, but_for, &mut found)?;
    ensure!(found.is_empty(), "the secret is in {found:?}");
    Ok(())
}

fn collect(text: &str, folder: &Path, but_for: &[&str], found: &mut Vec<String>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_symlink() || but_for.iter().any(|end| path.ends_with(end)) {
            continue;
        }
        if path.is_dir() {
            collect(text, &path, but_for, found)?;
        } else if fs::read(&path).is_ok_and(|bytes| has(&bytes, text)) {
            // What is no regular file, a socket for example, has nothing in it.
            found.push(path.display().to_string());
        }
    }
    Ok(())
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}
