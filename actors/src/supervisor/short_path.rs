//! Short paths for sockets: their names have room for 107 bytes, of which a directory on scratch may take most.

use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

use crate::shell::hex;

/// Where short paths are.
const FOLDER: &str = "/tmp";
/// What their names begin with.
const PREFIX: &str = "hb-";
/// Digits that tell them apart.
const DIGITS: usize = 8;
/// Names that are tried: another user may have taken one.
const TRIES: u8 = 8;

/// A symbolic link with a short path to a directory of an instance. Dropping it removes the link.
#[derive(Debug)]
pub(super) struct ShortPath(PathBuf);

impl ShortPath {
    /// A link to a directory of this user's.
    pub(super) fn to(directory: &Path) -> io::Result<Self> {
        Self::within(Path::new(FOLDER), directory)
    }

    fn within(folder: &Path, directory: &Path) -> io::Result<Self> {
        // Links are not followed from where a program happens to be.
        let directory = if directory.is_absolute() {
            directory.to_path_buf()
        } else {
            env::current_dir()?.join(directory)
        };
        remove_dangling(folder);
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for attempt in 0..TRIES {
            let path = folder.join(name(&directory, attempt));
            // It is created here or not at all: nobody else's link is used.
            match symlink(&directory, &path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The link.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ShortPath {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, "failed to remove {}", self.0.display());
        }
    }
}

fn name(directory: &Path, attempt: u8) -> String {
    let mut hash = Sha256::new();
    hash.update(directory.as_os_str().as_encoded_bytes());
    hash.update([attempt]);
    let digits: String = hex(&hash.finalize()).chars().take(DIGITS).collect();
    format!("{PREFIX}{digits}")
}

/// Removes what killed processes of this user have left: links to directories that are gone.
fn remove_dangling(folder: &Path) {
    let user = nix::unistd::getuid().as_raw();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_named = entry.file_name().to_str().is_some_and(|name| {
            name.strip_prefix(PREFIX)
                .is_some_and(|digits| digits.len() == DIGITS)
        });
        if !is_named {
            continue;
        }
        let path = entry.path();
        let is_ours =
            fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink() && found.uid() == user);
        if is_ours && !path.exists() {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use hpcbench_services::SHORT_PATH_BYTES;

    use super::*;

    #[test]
    fn leads_to_the_directory_and_goes_with_its_owner() {
        let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let short = ShortPath::within(folder.path(), target.path()).unwrap();
        fs::write(short.path().join("a"), "b").unwrap();
        assert!(target.path().join("a").exists());
        let path = short.path().to_path_buf();
        drop(short);
        assert!(fs::symlink_metadata(path).is_err() && target.path().join("a").exists());
    }

    #[test]
    fn is_short_with_what_is_below_it() {
        let name = name(Path::new("/a/long/path"), 0);
        assert!(format!("{FOLDER}/{name}/ray").len() <= SHORT_PATH_BYTES);
    }

    #[test]
    fn a_name_that_is_taken_is_left_alone() {
        let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let taken = folder.path().join(name(target.path(), 0));
        fs::create_dir(&taken).unwrap();
        let short = ShortPath::within(folder.path(), target.path()).unwrap();
        assert_ne!(short.path(), taken);
        assert!(fs::read_dir(taken).unwrap().next().is_none());
    }

    #[test]
    fn what_killed_processes_left_is_removed() {
        let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (left, other) = (folder.path().join("hb-01234567"), folder.path().join("hb-else"));
        for link in [&left, &other] {
            symlink("/nonexistent/run", link).unwrap();
        }
        drop(ShortPath::within(folder.path(), target.path()).unwrap());
        assert!(fs::symlink_metadata(&left).is_err() && fs::symlink_metadata(&other).is_ok());
    }
}
