//! The file that asks a run to end where its bus cannot be reached.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use hpcbench_actors::orchestrator::CANCEL_FILE;
use hpcbench_core::event::Writer;
use hpcbench_report::{RunState, WriterLife};

use super::standing::Standing;
use crate::{program, writer};

/// How long the orchestrator may take to take it. It looks every second, but an unsynced log or a file system with a
/// cache takes longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(100);

/// A request to end, left in a run directory.
#[derive(Debug)]
pub(super) struct CancelFile {
    run_dir: PathBuf,
    path: PathBuf,
}

/// What became of the request.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is in the log.
    Yes,
    /// The orchestrator took it, but it is not in the log.
    ToNoEffect,
    /// There is nothing to cancel any more, for this reason; the file has been removed.
    NotNeeded(String),
    /// Nobody took it within this time.
    No(Duration),
}

impl CancelFile {
    /// Leaves a request: for its owner's eyes only, and whole or not at all.
    ///
    /// # Errors
    /// The run directory cannot be written.
    pub(super) fn write(run_dir: &Path, request: &str) -> anyhow::Result<Self> {
        let path = run_dir.join(CANCEL_FILE);
        let temporary = run_dir.join(format!(".{CANCEL_FILE}.{}", std::process::id()));
        let write = || {
            // A leftover may have other permissions: made anew.
            match fs::remove_file(&temporary) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = program::private_options()
                .write(true)
                .create_new(true)
                .open(&temporary)?;
            file.write_all(request.as_bytes())?;
            fs::rename(&temporary, &path)
        };
        write().with_context(|| format!("failed to leave the request in {}", path.display()))?;
        let run_dir = run_dir.to_owned();
        Ok(Self { run_dir, path })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until it is taken by the process `writer`, if that is known, but not for ever.
    pub(super) fn wait(&self, writer: Option<&Writer>) -> Taken {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            thread::sleep(LOOK);
            if !self.path.exists() {
                return self.taken();
            }
            if writer.is_some_and(|writer| writer::life(writer) == WriterLife::Gone)
                && let Some(words) = Standing::of(&self.run_dir).settled()
            {
                // Nobody takes it any more. The last one may have, at its end: then there is no file to remove.
                let _ = fs::remove_file(&self.path);
                return Taken::NotNeeded(words);
            }
        }
        Taken::No(PATIENCE)
    }

    fn taken(&self) -> Taken {
        match Standing::of(&self.run_dir) {
            Standing::Cancelling | Standing::Ended(RunState::Cancelled) => Taken::Yes,
            _ => Taken::ToNoEffect,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_request_is_for_its_owner_and_replaces_a_former_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(CANCEL_FILE), "older").unwrap();
        let file = CancelFile::write(folder.path(), "the request").unwrap();
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "the request");
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing else is left"
        );
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = CancelFile::write(&folder.path().join("nowhere"), "x").unwrap_err();
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}
