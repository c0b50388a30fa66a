//! Files that only their owner may read, and the node-local place for those that do not belong into the run directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hpcbench_core::{Epoch, NodeId, RunId};

/// Creates a directory, and those above it that are missing, for its owner alone.
pub fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates a file anew, or empties it, for its owner alone.
pub fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Opens a file to append to it, and to read it, for its owner alone; created if missing.
pub fn private_append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

/// A run's directory on a node-local disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Creates it for an epoch, below `base`, where other users may write too: it must not exist. What killed epochs have
    /// left there is removed.
    pub fn create(base: &Path, run: &RunId, epoch: Epoch) -> io::Result<Self> {
        Self::remove_through(base, run, Epoch(epoch.0.saturating_sub(1)));
        let path = Self::path_of(base, run, epoch);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Removes what killed orchestrators have left, through that epoch.
    pub fn remove_through(base: &Path, run: &RunId, epoch: Epoch) {
        for former in (1..=epoch.0).map(Epoch) {
            // Not there, as a rule; another user's directory of that name stays.
            let _ = fs::remove_dir_all(Self::path_of(base, run, former));
        }
    }

    fn path_of(base: &Path, run: &RunId, epoch: Epoch) -> PathBuf {
        base.join(format!("hpcbench-{run}-{epoch}"))
    }

    /// Creates one for this process, the agent of a node that the orchestrator's disk does not reach. What killed agents of
    /// that node have left is removed.
    pub fn create_for_agent(base: &Path, run: &RunId, epoch: Epoch, node: &NodeId) -> io::Result<Self> {
        let prefix = format!("hpcbench-{run}-");
        for entry in fs::read_dir(base)?.flatten() {
            let name = entry.file_name();
            let rest = name.to_str().and_then(|name| name.strip_prefix(&prefix));
            if rest.is_some_and(|rest| is_agents(rest, node)) {
                // Another user's directory of that name stays.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let path = base.join(format!("{prefix}{epoch}-{node}-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// One that another process of the run has created.
    pub const fn existing(path: PathBuf) -> Self {
        Self(path)
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A directory in it, created if missing.
    pub fn dir(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        private_dir(&path)?;
        Ok(path)
    }

    /// Removes it with everything in it. A successor may have done that already.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

/// Whether this is an epoch, the node's token and a process id.
fn is_agents(rest: &str, node: &NodeId) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((epoch, rest)) = rest.split_once('-') else {
        return false;
    };
    rest.rsplit_once('-')
        .is_some_and(|(found, pid)| is_number(epoch) && found == node.as_str() && is_number(pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_removes_what_its_predecessors_have_left_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let (run, node) = ("r".parse().unwrap(), "client-1".parse().unwrap());
        let others = [
            "hpcbench-r-1",
            "hpcbench-r-1-client-2-7",
            "hpcbench-r-1-2-client-1-7",
            "hpcbench-r-x-client-1-7",
        ];
        for name in others
            .iter()
            .chain(&["hpcbench-r-1-client-1-7", "hpcbench-r-2-client-1-8"])
        {
            fs::create_dir(base.path().join(name)).unwrap();
        }
        let own = Scratch::create_for_agent(base.path(), &run, Epoch(2), &node).unwrap();
        let left = fs::read_dir(base.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let left: std::collections::BTreeSet<PathBuf> = left.collect();
        let mut expected: std::collections::BTreeSet<PathBuf> =
            others.iter().map(|name| base.path().join(name)).collect();
        expected.insert(own.path().to_path_buf());
        assert_eq!(left, expected);
    }
}
