//! Files that come into being all at once, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

/// Ends the name of a file that is not complete.
const PARTIAL: &str = ".partial";

/// Creates a file anew for its owner alone; an existing one is an error.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Beside `path`, a name that no other process of any node uses: `.NAME.HOST.PID.partial`.
pub(crate) fn partial_beside(path: &Path) -> PathBuf {
    let (prefix, host, pid) = (partial_prefix(path), hostname(), std::process::id());
    path.with_file_name(format!("{prefix}{host}.{pid}{PARTIAL}"))
}

/// Removes what interrupted ones have left beside `path`. To be called only by who holds the lock of `path`.
pub(crate) fn remove_partials(path: &Path) {
    let prefix = partial_prefix(path);
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_partial = name
            .to_str()
            .is_some_and(|name| name.starts_with(&prefix) && name.ends_with(PARTIAL));
        if is_partial {
            // Somebody else's, perhaps; then it stays.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn partial_prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.")
}

/// Gives a complete file its name, such that it is there after a power cut, too.
pub(crate) fn publish(partial: &Path, path: &Path) -> io::Result<()> {
    File::open(partial)?.sync_all()?;
    fs::rename(partial, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Bytes that this user may still write to the file system of `folder`. Quotas may allow less.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let found = statvfs(folder)?;
    Ok(found.blocks_available().saturating_mul(found.fragment_size()))
}

/// This node's name.
pub(crate) fn hostname() -> String {
    nix::unistd::gethostname().map_or_else(
        |_| "unknown".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_leavings_of_this_file_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("a.sif");
        let partial = partial_beside(&image);
        let others = ["a.sif", ".a.sif.lock", ".b.sif.n1.7.partial"].map(|name| dir.path().join(name));
        for path in others.iter().chain([&partial]) {
            fs::write(path, "x").unwrap();
        }
        remove_partials(&image);
        assert!(!partial.exists());
        assert!(others.iter().all(|path| path.exists()));
    }

    #[test]
    fn a_published_file_has_replaced_the_former_one() {
        let dir = tempfile::tempdir().unwrap();
        let (image, partial) = (dir.path().join("a.sif"), dir.path().join("partial"));
        fs::write(&image, "old").unwrap();
        fs::write(&partial, "new").unwrap();
        publish(&partial, &image).unwrap();
        assert_eq!(fs::read_to_string(&image).unwrap(), "new");
        assert!(free_bytes(dir.path()).unwrap() > 0);
    }
}
