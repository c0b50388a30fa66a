//! Where the bus keeps its store: on a disk of this node or in its memory, never on a file system that nodes share, which may
//! stall at any time and with it every acknowledgement.

use std::io;
use std::path::{Path, PathBuf};

use hpcbench_journal::{Reach, file_system};

/// Where the store is to be instead of the scratch directory; none: it may be there.
///
/// # Errors
/// Both directories are shared by nodes.
pub(super) fn elsewhere(scratch_base: &Path, temporary: &Path) -> io::Result<Option<PathBuf>> {
    let reach = |path: &Path| file_system(path).map_or(Reach::Unknown, |found| found.reach);
    let place = place(reach(scratch_base), reach(temporary)).ok_or_else(|| {
        io::Error::other(format!(
            "nodes share {} and {}: name a directory of this node in storage.scratch, on its disk or in its memory such as \
             /dev/shm",
            scratch_base.display(),
            temporary.display()
        ))
    })?;
    Ok(match place {
        Place::Scratch => None,
        Place::Temporary => {
            tracing::warn!(
                "nodes share the scratch directory {}: the bus's store is in {}",
                scratch_base.display(),
                temporary.display()
            );
            Some(temporary.to_path_buf())
        }
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Scratch,
    Temporary,
}

fn place(scratch: Reach, temporary: Reach) -> Option<Place> {
    match (scratch, temporary) {
        (Reach::Disk | Reach::Memory | Reach::Unknown, _) => Some(Place::Scratch),
        (Reach::Shared, Reach::Disk | Reach::Memory | Reach::Unknown) => Some(Place::Temporary),
        (Reach::Shared, Reach::Shared) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_file_system_has_no_store() {
        for own in [Reach::Disk, Reach::Memory, Reach::Unknown] {
            assert_eq!(place(own, Reach::Shared), Some(Place::Scratch));
            assert_eq!(place(Reach::Shared, own), Some(Place::Temporary));
        }
        assert_eq!(place(Reach::Shared, Reach::Shared), None);
    }

    #[test]
    fn a_directory_of_this_machine_is_as_good_as_any() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(elsewhere(dir.path(), dir.path()).unwrap(), None);
    }
}
