//! Whether there is room for what is to be fetched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};

use crate::disk;

/// Least space to begin with: no image of an inference server is smaller, and few models are.
const LEAST_BYTES: u64 = 256 << 20;
/// The name of the file by which quotas are tried.
const TRIAL: &str = "hpcbench-room";

/// There is too little room.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// The file system is full.
    #[error(
        "{} has {free_mib} MiB of free space, and images and models need more: make room, or name another place",
        folder.display()
    )]
    Space {
        /// Where.
        folder: PathBuf,
        /// How much is free.
        free_mib: u64,
    },
    /// This user may not take so much of it.
    #[error(
        "your quota on {} has no room for {} MiB, and images and models need more: `quota -s` or `lfs quota` shows it; make \
         room, or name a project's directory",
        folder.display(),
        LEAST_BYTES >> 20
    )]
    Quota {
        /// Where.
        folder: PathBuf,
    },
    /// The disk says nothing.
    #[error("failed to look at {}", folder.display())]
    Disk {
        /// Where.
        folder: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

/// Whether an image or a model could be written to this directory: the file system has space, and this user may take some of it.
///
/// # Errors
/// There is too little.
pub fn has_room(folder: &Path) -> Result<(), RoomError> {
    let disk = |cause| RoomError::Disk {
        folder: folder.to_path_buf(),
        cause,
    };
    let free = disk::free_bytes(folder).map_err(disk)?;
    let full = || RoomError::Space {
        folder: folder.to_path_buf(),
        free_mib: free >> 20,
    };
    if free < LEAST_BYTES {
        return Err(full());
    }
    match taken(folder).map_err(|error| error.kind()) {
        Err(io::ErrorKind::QuotaExceeded) => Err(RoomError::Quota {
            folder: folder.to_path_buf(),
        }),
        Err(io::ErrorKind::StorageFull) => Err(full()),
        // Not every file system can set space aside; whoever may not write there is told by who tries.
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Takes so much for a moment: only that shows a quota.
fn taken(folder: &Path) -> io::Result<()> {
    if statfs(folder)?.filesystem_type() == TMPFS_MAGIC {
        // There it would be memory.
        return Ok(());
    }
    let trial = folder.join(TRIAL);
    // Of processes that were killed meanwhile.
    disk::remove_partials(&trial);
    let path = disk::partial_beside(&trial);
    let file = disk::create_private(&path)?;
    let bytes = i64::try_from(LEAST_BYTES).unwrap_or(i64::MAX);
    let taken = fallocate(&file, FallocateFlags::empty(), 0, bytes);
    drop(file);
    fs::remove_file(&path)?;
    Ok(taken?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        has_room(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let missing = dir.path().join("missing");
        assert!(matches!(has_room(&missing), Err(RoomError::Disk { folder, .. }) if folder == missing));
    }

    #[test]
    fn the_kernels_words_for_a_quota_and_a_full_disk_are_told_apart() {
        use nix::errno::Errno;
        let kind = |errno: Errno| io::Error::from(errno).kind();
        assert_eq!(kind(Errno::EDQUOT), io::ErrorKind::QuotaExceeded);
        assert_eq!(kind(Errno::ENOSPC), io::ErrorKind::StorageFull);
    }
}
