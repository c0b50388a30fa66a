//! The right to decide what becomes of a job that has lost its orchestrator: a file of the run directory, which every file system
//! can create exclusively.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hpcbench_core::Epoch;

use crate::shell::private_dir;

/// What the file of a job holds about which nothing is left to decide.
const SETTLED: &[u8] = b"settled\n";

/// Whose the right is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nobody's, or that of whoever has just taken it.
    Free,
    /// Somebody else's, who took it then and is at it, or has died of it.
    Held(SystemTime),
    /// Nobody's any more: the job was taken care of.
    Settled,
}

impl Claim {
    /// How it stands.
    pub(super) fn of(run_dir: &Path, epoch: Epoch) -> io::Result<Self> {
        let path = path(run_dir, epoch);
        let look = || -> io::Result<Self> {
            match std::fs::read(&path)? {
                text if text == SETTLED => Ok(Self::Settled),
                _ => Ok(Self::Held(path.metadata()?.modified()?)),
            }
        };
        match look() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::Free),
            looked => looked,
        }
    }
}

/// Takes it for an epoch's job; false: it was taken before.
pub(super) fn take(run_dir: &Path, epoch: Epoch) -> io::Result<bool> {
    let path = path(run_dir, epoch);
    private_dir(path.parent().unwrap_or(run_dir))?;
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(&path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whoever has it has taken care of the job.
pub(super) fn settle(run_dir: &Path, epoch: Epoch) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).open(path(run_dir, epoch))?;
    file.write_all(SETTLED)?;
    file.sync_all()
}

/// There are no orphans of an orchestrator that ends by itself: it decides, unless an agent is about to.
///
/// # Errors
/// The file system's.
pub(crate) fn settle_for_all(run_dir: &Path, epoch: Epoch) -> io::Result<()> {
    if take(run_dir, epoch)? {
        settle(run_dir, epoch)?;
    }
    Ok(())
}

/// Gives the right back: whoever had it could do nothing for the job, and agents that are left may be able to.
///
/// # Errors
/// The claim cannot be removed.
pub fn release(run_dir: &Path, epoch: Epoch) -> io::Result<()> {
    std::fs::remove_file(path(run_dir, epoch))
}

fn path(run_dir: &Path, epoch: Epoch) -> PathBuf {
    run_dir.join("job").join(format!("orphans-{epoch}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_until_it_is_given_back_or_settled() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path();
        assert_eq!(Claim::of(run, Epoch(2)).unwrap(), Claim::Free);
        assert!(take(run, Epoch(2)).unwrap() && !take(run, Epoch(2)).unwrap());
        assert!(matches!(Claim::of(run, Epoch(2)).unwrap(), Claim::Held(_)));
        release(run, Epoch(2)).unwrap();
        settle_for_all(run, Epoch(2)).unwrap();
        assert_eq!(Claim::of(run, Epoch(2)).unwrap(), Claim::Settled);
        assert_eq!(Claim::of(run, Epoch(3)).unwrap(), Claim::Free);
    }

    #[test]
    fn an_orchestrator_does_not_settle_what_an_agent_is_about_to_do() {
        let dir = tempfile::tempdir().unwrap();
        assert!(take(dir.path(), Epoch(2)).unwrap());
        settle_for_all(dir.path(), Epoch(2)).unwrap();
        assert!(matches!(Claim::of(dir.path(), Epoch(2)).unwrap(), Claim::Held(_)));
    }
}
