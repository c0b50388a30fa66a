//! The file systems of runs and of scratch data.

use std::path::{Path, PathBuf};

use hpcbench_core::event::FileSystemProbed;
use hpcbench_journal::Reach;
use nix::sys::statvfs::{Statvfs, statvfs};

use super::super::check::Check;
use crate::exit::in_words;

/// Free space below which a run may fill the disk. A million requests of 64 tokens take about 2 GB.
const LOW_BYTES: u64 = 2 << 30;
/// Free space below which not even a short run can be expected to end well.
const NO_BYTES: u64 = 64 << 20;

/// Files that can still be created below which a run may run out of them: it makes tens, images and models thousands.
const FEW_FILES: u64 = 10_000;
/// The same below which not even a short run can be expected to end well.
const NO_FILES: u64 = 200;

/// What is known of a directory's file system.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Storage {
    /// The directory that was asked for.
    directory: PathBuf,
    /// The nearest directory above it that there is, if it is not there yet.
    above: Option<PathBuf>,
    /// What trying it gave.
    probed: Result<FileSystemProbed, String>,
    /// Where its files are.
    reach: Reach,
    /// Space that an ordinary user can take.
    free_bytes: Option<u64>,
    /// Files that an ordinary user can create, where the file system counts them.
    free_files: Option<u64>,
}

/// Tries the file system of `directory` without creating it.
pub(super) fn gather(directory: &Path) -> Storage {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let existing = absolute
        .ancestors()
        .find(|path| path.is_dir())
        .unwrap_or(&absolute);
    let probed = hpcbench_journal::probe(existing, &existing.display().to_string())
        .map_err(|error| in_words(&error.into()));
    let space = statvfs(existing).ok();
    Storage {
        above: (existing != absolute).then(|| existing.to_owned()),
        probed,
        reach: hpcbench_journal::file_system(existing).map_or(Reach::Unknown, |found| found.reach),
        free_files: space
            .as_ref()
            .filter(|space| space.files() > 0)
            .map(Statvfs::files_available),
        free_bytes: space.map(|space| space.blocks_available().saturating_mul(space.fragment_size())),
        directory: directory.to_owned(),
    }
}

/// What it is like, and how much room there is.
pub(super) fn judge(name: &'static str, storage: &Storage) -> Vec<Check> {
    let mut place = storage.directory.display().to_string();
    if let Some(above) = &storage.above {
        place = format!("{place} (not there yet; tried {})", above.display());
    }
    let probed = match &storage.probed {
        Ok(probed) => probed,
        Err(why) => {
            let advice =
                "choose a directory that you may write to (--runs-dir for runs, TMPDIR for scratch data)";
            return vec![Check::missing(name, format!("{place}: {why}"), advice)];
        }
    };
    let found = format!(
        "{place}: {}, a sync takes {:.1} ms (p99 {:.1} ms)",
        probed.kind,
        probed.sync_p50_seconds * 1e3,
        probed.sync_p99_seconds * 1e3
    );
    let is_scratch = name.starts_with("scratch");
    let quality = if is_scratch && storage.reach == Reach::Memory {
        // That it does not survive a reboot does not matter there.
        Check::warning(
            name,
            found,
            "it is memory, and what is kept there is charged to a job: name a disk in `storage.scratch`, if there is one",
        )
    } else if is_scratch && storage.reach == Reach::Shared {
        Check::warning(
            name,
            found,
            "other nodes share it, so that records and staged files go over the network: name a disk of the node in \
             `storage.scratch`",
        )
    } else if probed.warnings.is_empty() {
        Check::ok(name, found)
    } else {
        Check::warning(name, found, probed.warnings.join("; "))
    };
    let mut checks = vec![quality];
    checks.extend(storage.free_bytes.map(|free| space(name, free)));
    checks.extend(storage.free_files.and_then(|free| files(name, free)));
    checks
}

/// Inodes, if they are few: quotas often are of those.
fn files(of: &str, free: u64) -> Option<Check> {
    let name = if of.starts_with("runs") {
        "files for runs"
    } else {
        "files for scratch"
    };
    let found = format!("{free} more can be created");
    let advice = "remove some files or choose another directory: a run makes tens, an image or a model may have thousands";
    match free {
        ..NO_FILES => Some(Check::missing(name, found, advice)),
        NO_FILES..FEW_FILES => Some(Check::warning(name, found, advice)),
        _ => None,
    }
}

fn space(of: &str, free: u64) -> Check {
    let name = if of.starts_with("runs") {
        "space for runs"
    } else {
        "space for scratch"
    };
    let found = format!("{:.1} GB free", free as f64 / 1e9);
    let advice =
        "free some space or choose another directory: a million requests of 64 tokens take about 2 GB";
    match free {
        ..NO_BYTES => Check::missing(name, found, advice),
        NO_BYTES..LOW_BYTES => Check::warning(name, found, advice),
        _ => Check::ok(name, found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
    use super::*;

    fn statuses(storage: &Storage) -> Vec<Status> {
        let checks = judge("runs directory", storage);
        checks.iter().map(|check| check.status).collect()
    }

    #[test]
    fn what_is_not_there_is_tried_above_and_not_created() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("a/b");
        let storage = gather(&wanted);
        assert_eq!(storage.above.as_deref(), Some(folder.path()));
        assert!(
            storage.probed.is_ok() && storage.free_bytes.is_some(),
            "{storage:?}"
        );
        assert!(!folder.path().join("a").exists());
    }

    #[test]
    fn warnings_are_passed_on_and_what_cannot_be_written_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = gather(folder.path());
        storage.probed.as_mut().unwrap().warnings = vec!["slow".to_owned(), "odd".to_owned()];
        storage.free_bytes = Some(LOW_BYTES);
        storage.free_files = None;
        assert_eq!(statuses(&storage), [Status::Warning, Status::Ok]);
        assert_eq!(judge("x", &storage)[0].advice.as_deref(), Some("slow; odd"));
        storage.probed = Err("permission denied".to_owned());
        assert_eq!(statuses(&storage), [Status::Missing]);
    }

    #[test]
    fn scratch_that_is_memory_is_charged_to_the_job() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = gather(folder.path());
        storage.reach = Reach::Memory;
        let advice = |name| judge(name, &storage)[0].advice.clone().unwrap_or_default();
        assert!(advice("scratch directory").contains("charged to a job"));
        assert!(!advice("runs directory").contains("charged to a job"));
    }

    #[test]
    fn scratch_that_nodes_share_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = gather(folder.path());
        storage.reach = Reach::Shared;
        let advice = |name| judge(name, &storage)[0].advice.clone().unwrap_or_default();
        assert!(advice("scratch directory").contains("other nodes share it"));
        assert!(!advice("runs directory").contains("other nodes share it"));
    }

    #[test]
    fn few_files_are_told_and_enough_are_not_worth_a_word() {
        let judged = |free| files("scratch directory", free).map(|check| check.status);
        assert_eq!(judged(NO_FILES - 1), Some(Status::Missing));
        assert_eq!(judged(NO_FILES), Some(Status::Warning));
        assert_eq!(judged(FEW_FILES), None);
    }

    #[test]
    fn space_has_two_limits() {
        for (free, status) in [
            (0, Status::Missing),
            (NO_BYTES, Status::Warning),
            (LOW_BYTES - 1, Status::Warning),
            (LOW_BYTES, Status::Ok),
        ] {
            assert_eq!(space("runs directory", free).status, status, "{free}");
        }
    }
}
