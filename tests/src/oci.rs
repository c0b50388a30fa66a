//! Container images as a registry would have them.

use std::path::PathBuf;

use anyhow::Result;

use crate::Workdir;
use crate::harness::set_up;

/// Writes an OCI archive whose root file system has `text` in `/usr/text`, and returns its path.
///
/// # Errors
///
/// It cannot be written.
pub fn oci_archive(workdir: &Workdir, name: &str, text: &str) -> Result<PathBuf> {
    let path = workdir.path().join(name);
    set_up(
        "oci_archive",
        "oci-archive.py",
        &[path.as_os_str(), text.as_ref()],
    )?;
    Ok(path)
}
