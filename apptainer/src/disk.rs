//! Files that come into being all at once, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::statvfs;

/// What another node has not touched for so long is nobody's any more.
const LONG: Duration = Duration::from_hours(24);

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
    let (prefix, owner) = (partial_prefix(path), owner());
    path.with_file_name(format!("{prefix}{owner}{PARTIAL}"))
}

/// This process among all of all nodes, as in names of files: `HOST.PID`.
pub(crate) fn owner() -> String {
    format!("{}.{}", hostname(), std::process::id())
}

/// Whether the owner that a name tells does not need it any more. Whoever asks holds the lock of what it is for; somebody from whom
/// that was taken may still be at work.
pub(crate) fn is_abandoned(owner: &str, path: &Path) -> bool {
    match owner.rsplit_once('.') {
        Some((host, pid)) if host == hostname() => {
            pid == std::process::id().to_string() || !Path::new("/proc").join(pid).exists()
        }
        _ => fs::symlink_metadata(path)
            .and_then(|found| found.modified())
            .is_ok_and(|touched| touched.elapsed().is_ok_and(|age| age > LONG)),
    }
}

/// Removes what interrupted ones have left beside `path`. To be called only by who holds the lock of `path`.
pub(crate) fn remove_partials(path: &Path) {
    let prefix = partial_prefix(path);
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(PARTIAL));
        if owner.is_some_and(|owner| is_abandoned(owner, &entry.path())) {
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
    fn what_another_process_may_still_need_stays() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("a.sif");
        let partial = |owner: String| {
            let path = dir.path().join(format!(".a.sif.{owner}.partial"));
            fs::write(&path, "x").unwrap();
            path
        };
        let (host, living) = (hostname(), std::os::unix::process::parent_id());
        let stay = [
            partial(format!("{host}.{living}")),
            partial("n1.example.7".to_owned()),
        ];
        let old = partial("n2.7".to_owned());
        let before = std::time::SystemTime::now() - 2 * LONG;
        File::options()
            .write(true)
            .open(&old)
            .unwrap()
            .set_modified(before)
            .unwrap();
        // Numbers of processes are smaller.
        let go = [old, partial(format!("{host}.99999999"))];
        remove_partials(&image);
        assert!(stay.iter().all(|path| path.exists()));
        assert!(go.iter().all(|path| !path.exists()));
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
