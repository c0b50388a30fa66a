//! `job/submission.json`: which job a run was handed to.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::JobId;
use crate::time::UnixTime;

/// Name of the file in a run's `job` directory.
const NAME: &str = "submission.json";

/// Largest file that is read, in bytes: argument lists are at most 128 KiB an argument, and far shorter here.
const MAX_BYTES: u64 = 1 << 20;

/// Which job a run was handed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The job.
    pub job: JobId,
    /// When.
    pub submitted_at: UnixTime,
    /// The arguments of sbatch.
    pub argv: Vec<String>,
    /// Hex SHA-256 of the job script.
    pub script_sha256: String,
    /// The job's comment.
    pub key: String,
}

/// Why a submission is not written or read.
#[derive(Debug, thiserror::Error)]
pub enum SubmissionError {
    /// The file cannot be written or read.
    #[error("cannot use {}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is not what hpcbench writes there", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Submission {
    /// Hex SHA-256 of a job script.
    pub fn digest(script: &str) -> String {
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(script.as_bytes()) {
            hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or_default());
            hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or_default());
        }
        hex
    }

    /// Writes it below a run directory, readable for its owner alone, whole or not at all.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, run_directory: &Path) -> Result<(), SubmissionError> {
        let path = path(run_directory);
        let attempt = || -> io::Result<()> {
            let directory = run_directory.join("job");
            fs::create_dir_all(&directory)?;
            // Made with mode 0600.
            let mut file = tempfile::NamedTempFile::new_in(&directory)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(&directory)?.sync_all()
        };
        attempt().map_err(|source| SubmissionError::Io { path, source })
    }

    /// Reads it from a run directory; none if the run was never submitted.
    ///
    /// # Errors
    /// The file system's, or the file is something else.
    pub fn read(run_directory: &Path) -> Result<Option<Self>, SubmissionError> {
        let path = path(run_directory);
        let mut text = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SubmissionError::Io { path, source }),
            Ok(_) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|source| SubmissionError::Invalid { path, source }),
        }
    }
}

fn path(run_directory: &Path) -> PathBuf {
    run_directory.join("job").join(NAME)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn sample() -> Submission {
        Submission {
            job: JobId::new(123),
            submitted_at: UnixTime::from_seconds(1_795_579_200),
            argv: vec!["--parsable".to_owned(), "$(touch x)".to_owned()],
            script_sha256: Submission::digest("#!/bin/bash\n"),
            key: "hpcbench:1".to_owned(),
        }
    }

    #[test]
    fn reads_back_and_is_private() {
        let run = tempfile::tempdir().unwrap();
        assert!(Submission::read(run.path()).unwrap().is_none());
        sample().write(run.path()).unwrap();
        assert_eq!(Submission::read(run.path()).unwrap(), Some(sample()));
        let mode = fs::metadata(path(run.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(run.path().join("job")).unwrap().count(), 1);
    }

    #[test]
    fn something_else_is_an_error_that_names_the_file() {
        let run = tempfile::tempdir().unwrap();
        fs::create_dir(run.path().join("job")).unwrap();
        fs::write(path(run.path()), "{\"job\": \"soon\"}").unwrap();
        let message = Submission::read(run.path()).unwrap_err().to_string();
        assert!(message.contains("job/submission.json"), "{message}");
    }
}
