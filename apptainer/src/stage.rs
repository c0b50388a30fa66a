//! A copy of an image on a node's own disk: hundreds of processes that page it in from a shared file system are slow, and are
//! in the way of others.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::image::{Image, ImageForm};
use crate::lock::{Lock, LockError, LockTimes};
use crate::{disk, hash};

/// An image that cannot be copied to a node.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A sandbox has too many files for that, and no digest.
    #[error("{} is a sandbox directory, which is not copied to nodes: build a .sif file of it, or leave `storage.stage_image` out", .0.display())]
    Sandbox(PathBuf),
    /// Too little room.
    #[error("{} has {free_mib} MiB of free space, the image has {image_mib} MiB", folder.display())]
    Space {
        /// Where.
        folder: PathBuf,
        /// How much is free.
        free_mib: u64,
        /// How much is needed.
        image_mib: u64,
    },
    /// Another process of this node copies it and does not come to an end.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The copy is another image.
    #[error("the copy of {} differs from it: it has been replaced meanwhile, or a disk is faulty", .0.display())]
    Differs(PathBuf),
    /// A disk refuses.
    #[error("failed to copy {} to {}", from.display(), to.display())]
    Copy {
        /// The image.
        from: PathBuf,
        /// Its copy.
        to: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

/// Copies an image into `folder` on this node's disk, once for all that ask for it there, and returns the copy. It was digested
/// while it was written, and is the image that was asked for.
///
/// # Errors
/// It cannot be copied; what had been copied is removed.
pub fn stage(image: &Image, folder: &Path, times: LockTimes) -> Result<PathBuf, StageError> {
    let ImageForm::File { bytes, sha256 } = &image.form else {
        return Err(StageError::Sandbox(image.path.clone()));
    };
    // Named by its digest, so that two images of one name do not meet.
    let copy = folder.join(format!("{sha256}.sif"));
    let failed = |cause| StageError::Copy {
        from: image.path.clone(),
        to: copy.clone(),
        cause,
    };
    let _lock = Lock::take(&copy, times, |_, _| ())?;
    // Only complete copies have this name.
    if fs::metadata(&copy).is_ok_and(|found| found.len() == *bytes) {
        return Ok(copy);
    }
    disk::remove_partials(&copy);
    let free = disk::free_bytes(folder).map_err(failed)?;
    if free < *bytes {
        return Err(StageError::Space {
            folder: folder.to_path_buf(),
            free_mib: free >> 20,
            image_mib: bytes.div_ceil(1 << 20),
        });
    }
    let partial = disk::partial_beside(&copy);
    let copied = write(&image.path, &partial).and_then(|digested| {
        if digested.bytes != *bytes || digested.sha256 != *sha256 {
            return Ok(false);
        }
        disk::publish(&partial, &copy).map(|()| true)
    });
    let _ = fs::remove_file(&partial);
    match copied {
        Ok(true) => Ok(copy),
        Ok(false) => Err(StageError::Differs(image.path.clone())),
        Err(cause) => Err(failed(cause)),
    }
}

fn write(from: &Path, partial: &Path) -> io::Result<hash::Digested> {
    hash::copy(File::open(from)?, disk::create_private(partial)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_copied_once_and_is_the_same() {
        let (shared, node) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = shared.path().join("a.sif");
        fs::write(&path, vec![7; 3 << 20]).unwrap();
        let image = Image::read(&path).unwrap();
        let copy = std::thread::scope(|scope| {
            let stage = || stage(&image, node.path(), LockTimes::default()).unwrap();
            let both = [scope.spawn(stage), scope.spawn(stage)].map(|thread| thread.join().unwrap());
            assert_eq!(both[0], both[1]);
            both[0].clone()
        });
        assert_eq!(Image::read(&copy).unwrap().form, image.form);
        let entries: Vec<_> = fs::read_dir(node.path()).unwrap().collect();
        assert_eq!(entries.len(), 1, "{entries:?}");
    }

    #[test]
    fn an_image_that_was_replaced_is_not_taken_for_the_former() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sif");
        fs::write(&path, "a").unwrap();
        let image = Image::read(&path).unwrap();
        fs::write(&path, "b").unwrap();
        let node = dir.path().join("node");
        fs::create_dir(&node).unwrap();
        assert!(matches!(
            stage(&image, &node, LockTimes::default()),
            Err(StageError::Differs(_))
        ));
        assert_eq!(fs::read_dir(&node).unwrap().count(), 0);
        let image = Image {
            form: ImageForm::Sandbox,
            ..image
        };
        assert!(matches!(
            stage(&image, &node, LockTimes::default()),
            Err(StageError::Sandbox(_))
        ));
    }
}
