//! What a job runs.

use std::path::{Path, PathBuf};

use crate::ids::JobId;

/// Longest key, in bytes.
const MAX_KEY: usize = 128;

/// The file in an errand's directory that its exit code is in once it has ended.
pub const ENDED: &str = "ended";

/// What a job runs: this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCommand {
    program: String,
    arguments: Vec<String>,
    purpose: Purpose,
    directory: String,
    key: String,
    environment: Vec<(String, String)>,
    after: Option<JobId>,
}

/// What a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A run, which is warned before its time is up, and goes on when it is started again.
    Run,
    /// Anything else: it is done once or not at all.
    Errand,
}

/// Why a job cannot run that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobCommandError {
    /// A path that a job cannot use.
    #[error("a job cannot use the path {}: {fault}", .path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A key that a job's comment cannot hold.
    #[error("{0:?} is no key of a job: use letters, digits and `.:_-`, {MAX_KEY} at most")]
    Key(String),
    /// An argument that a job's script cannot hold.
    #[error("a job cannot pass the argument {0:?} on: it has control characters")]
    Argument(String),
    /// A variable that a shell cannot set.
    #[error("the environment variable {0:?} cannot be set in a job")]
    Variable(String),
}

impl JobCommand {
    /// `program job --run-dir run_directory --key key`. The key is also the job's comment, by which it is found again.
    ///
    /// # Errors
    /// A path is not absolute, or has characters that do not pass through sbatch; or the key has.
    pub fn new(program: &Path, run_directory: &Path, key: &str) -> Result<Self, JobCommandError> {
        let directory = passable(run_directory)?;
        let arguments = ["job", "--run-dir", &directory, "--key", key]
            .map(str::to_owned)
            .to_vec();
        Self::with(program, arguments, Purpose::Run, directory, key)
    }

    /// The program with these arguments, started in `directory`, which also gets what it prints, as `JOB.log`.
    ///
    /// # Errors
    /// As for [`Self::new`], or an argument has control characters.
    pub fn errand(
        program: &Path,
        arguments: Vec<String>,
        directory: &Path,
        key: &str,
    ) -> Result<Self, JobCommandError> {
        if let Some(argument) = arguments.iter().find(|text| text.chars().any(char::is_control)) {
            return Err(JobCommandError::Argument(argument.clone()));
        }
        Self::with(program, arguments, Purpose::Errand, passable(directory)?, key)
    }

    fn with(
        program: &Path,
        arguments: Vec<String>,
        purpose: Purpose,
        directory: String,
        key: &str,
    ) -> Result<Self, JobCommandError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte);
        if key.is_empty() || key.len() > MAX_KEY || key.starts_with('-') || !key.bytes().all(allowed) {
            return Err(JobCommandError::Key(key.to_owned()));
        }
        Ok(Self {
            program: passable(program)?,
            arguments,
            purpose,
            directory,
            key: key.to_owned(),
            environment: Vec::new(),
            after: None,
        })
    }

    /// Sets a variable of the job's environment. Jobs inherit nothing else from whoever submits them.
    ///
    /// # Errors
    /// The name is none, or the value has control characters.
    pub fn with_variable(mut self, name: &str, value: &str) -> Result<Self, JobCommandError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if !starts_well || !name.bytes().all(allowed) || value.chars().any(char::is_control) {
            return Err(JobCommandError::Variable(name.to_owned()));
        }
        self.environment.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Starts only once this job has ended, in whatever way.
    #[must_use]
    pub fn after(mut self, job: JobId) -> Self {
        self.after = Some(job);
        self
    }

    /// The key by which the job is found again: its comment.
    pub fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn predecessor(&self) -> Option<JobId> {
        self.after
    }

    pub(super) fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    pub(super) fn program(&self) -> &str {
        &self.program
    }

    pub(super) fn arguments(&self) -> &[String] {
        &self.arguments
    }

    pub(super) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Where the job starts.
    pub(super) fn directory(&self) -> &str {
        &self.directory
    }

    /// The file that gets the exit code of an errand at its end.
    pub(super) fn ended(&self) -> Option<String> {
        match self.purpose {
            Purpose::Run => None,
            Purpose::Errand => Some(format!("{}/{ENDED}", self.directory)),
        }
    }

    /// Where the job's own output goes, as Slurm writes it.
    pub(super) fn output(&self) -> String {
        let folder = match self.purpose {
            Purpose::Run => "/job",
            Purpose::Errand => "",
        };
        format!("{}{folder}/%j.log", self.directory.replace('%', "%%"))
    }
}

fn passable(path: &Path) -> Result<String, JobCommandError> {
    let fault = match path.to_str() {
        _ if !path.is_absolute() => "it is not absolute",
        None => "it is not UTF-8",
        Some(text) if text.chars().any(char::is_control) => "it has control characters",
        Some(text) if text.contains('\\') => "Slurm gives a backslash in a path a meaning of its own",
        Some(text) => return Ok(text.to_owned()),
    };
    Err(JobCommandError::Path {
        path: path.to_owned(),
        fault,
    })
}
