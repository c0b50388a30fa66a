//! Programs in the guide, for tests to run as a reader would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result};

use crate::paths::workspace;

/// What [`EACH`] prints before each run that is in order.
const ACCEPTED: &str = "accepted ";

/// Runs a program on many runs, one after the other.
const EACH: &str = r#"
import runpy, sys
program, *runs = sys.argv[1:]
for run in runs:
    sys.argv = [program, run]
    try:
        runpy.run_path(program)
        print("accepted", run)
    except Exception:
        pass
"#;

/// The blocks of a language in a page of the guide, in order.
///
/// # Errors
///
/// There is no such page.
pub fn blocks(page: &str, language: &str) -> Result<Vec<String>> {
    let path = workspace().join("docs/guide").join(page);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let opening = format!("\n```{language}\n");
    let blocks = text.split(&opening).skip(1);
    Ok(blocks
        .filter_map(|rest| rest.split_once("\n```\n"))
        .map(|(block, _)| format!("{block}\n"))
        .collect())
}

/// The verifier in Python that the guide shows.
#[derive(Debug)]
pub struct GuideVerifier {
    program: PathBuf,
    _folder: tempfile::TempDir,
}

impl GuideVerifier {
    /// What checks the log.
    ///
    /// # Errors
    ///
    /// The guide does not show it, or it cannot be written down.
    pub fn of_log() -> Result<Self> {
        Self::made_of(1)
    }

    /// What checks the log and the files that it names.
    ///
    /// # Errors
    ///
    /// As [`Self::of_log`].
    pub fn of_run() -> Result<Self> {
        Self::made_of(2)
    }

    fn made_of(parts: usize) -> Result<Self> {
        let blocks = blocks("event-log.md", "python")?;
        let text = blocks
            .get(..parts)
            .context("the guide shows no verifier")?
            .concat();
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("verify.py");
        fs::write(&program, text)?;
        Ok(Self {
            program,
            _folder: folder,
        })
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// There is no `python3`.
    pub fn run(&self, run: &Path) -> Result<Output> {
        let mut python = Command::new("python3");
        python
            .arg(&self.program)
            .arg(run)
            .output()
            .context("cannot start python3")
    }

    /// Runs it on many runs, in one process: those that it finds in order.
    ///
    /// # Errors
    ///
    /// There is no `python3`.
    pub fn accepted(&self, runs: &[PathBuf]) -> Result<Vec<String>> {
        let mut python = Command::new("python3");
        python.args(["-c", EACH]).arg(&self.program).args(runs);
        let output = python.output().context("cannot start python3")?;
        let text = String::from_utf8(output.stdout)?;
        let lines = text.lines().filter_map(|line| line.strip_prefix(ACCEPTED));
        Ok(lines.map(str::to_owned).collect())
    }

    /// Runs it on a run that is in order: the number of events, and the hash of the last.
    ///
    /// # Errors
    ///
    /// It finds something wrong.
    pub fn verify(&self, run: &Path) -> Result<(u64, String)> {
        let output = self.run(run)?;
        anyhow::ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout)?;
        let mut words = text.split_ascii_whitespace();
        let count = words.next().context("the verifier printed nothing")?;
        let head = words.next().context("the verifier printed no hash")?;
        Ok((count.parse()?, head.to_owned()))
    }
}
