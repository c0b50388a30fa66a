//! What the file system of a scratch directory is like.

use std::path::Path;

use hpcbench_core::event::ScratchFacts;
use hpcbench_journal::{FileSystem, Reach, file_system};
use nix::sys::statvfs::statvfs;

/// Free space below which a run may fill the disk: half a million requests of 64 tokens take as much.
const LOW_BYTES: u64 = 1 << 30;

/// What is known of the file system of this directory; none if it cannot be looked at.
pub fn scratch_facts(directory: &Path) -> Option<ScratchFacts> {
    let found = file_system(directory).ok()?;
    let space = statvfs(directory).ok()?;
    let free_bytes = space.blocks_available().saturating_mul(space.fragment_size());
    let warnings = warnings(&found, free_bytes);
    for warning in &warnings {
        tracing::warn!("scratch directory {}: {warning}", directory.display());
    }
    Some(ScratchFacts {
        kind: found.kind,
        free_bytes,
        warnings,
    })
}

fn warnings(found: &FileSystem, free_bytes: u64) -> Vec<String> {
    let kind = &found.kind;
    let place = match found.reach {
        Reach::Memory => Some(format!(
            "it is in memory ({kind}), of which records and staged files take their part, in a job of what the job may use: name \
             a disk in storage.scratch, if there is one"
        )),
        Reach::Shared => Some(format!(
            "other nodes share it ({kind}): records and staged files go over the network while it measures: name a disk of the \
             node in storage.scratch, if there is one"
        )),
        Reach::Disk | Reach::Unknown => None,
    };
    let space = (free_bytes < LOW_BYTES).then(|| format!("only {} MiB are free there", free_bytes >> 20));
    place.into_iter().chain(space).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_shared_disks_and_full_ones_are_told() {
        let told = |kind: &str, reach, free| {
            let kind = kind.to_owned();
            warnings(&FileSystem { kind, reach }, free).join("; ")
        };
        assert!(told("tmpfs", Reach::Memory, LOW_BYTES).starts_with("it is in memory (tmpfs)"));
        assert!(told("lustre", Reach::Shared, LOW_BYTES).starts_with("other nodes share it (lustre)"));
        assert_eq!(told("xfs", Reach::Disk, LOW_BYTES), "");
        assert_eq!(
            told("xfs", Reach::Disk, LOW_BYTES - 1),
            "only 1023 MiB are free there"
        );
    }

    #[test]
    fn a_directory_has_a_kind_and_some_room() {
        let dir = tempfile::tempdir().unwrap();
        let facts = scratch_facts(dir.path()).unwrap();
        assert!(!facts.kind.is_empty() && facts.free_bytes > 0, "{facts:?}");
        assert_eq!(scratch_facts(&dir.path().join("missing")), None);
    }
}
