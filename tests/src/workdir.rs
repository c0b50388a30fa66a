//! A world of its own for each test.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::paths::binary;
use crate::{Hpcbench, Process, Recipe, processes_of, stand_in, wait_until};

/// A temporary folder that holds all that a test's programs write, their home folder and runs included. Every process
/// they start is recognized by it, and ended with it.
#[derive(Debug)]
pub struct Workdir {
    folder: TempDir,
}

impl Workdir {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// The folder for temporary files cannot be written.
    pub fn new() -> Result<Self> {
        Self::below(&std::env::temp_dir())
    }

    /// An empty one in this folder.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn below(folder: &Path) -> Result<Self> {
        let folder =
            TempDir::with_prefix_in("hpcbench-test-", folder).context("cannot make a temporary folder")?;
        for name in ["home", "runs", "scratch"] {
            fs::create_dir(folder.path().join(name))?;
        }
        Ok(Self { folder })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where runs without a directory of their own go.
    pub fn runs(&self) -> PathBuf {
        self.path().join("runs")
    }

    /// Writes a file and returns its path.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// The program under test, to be started in this world.
    ///
    /// # Errors
    ///
    /// It has not been built.
    pub fn hpcbench(&self) -> Result<Hpcbench> {
        Hpcbench::new(self.path())
    }

    /// A copy of the program far from the project, on a machine where nothing else is installed.
    ///
    /// # Errors
    ///
    /// It has not been built, or cannot be copied.
    pub fn lonely_hpcbench(&self) -> Result<Hpcbench> {
        let copy = self.path().join("hpcbench");
        fs::copy(binary()?, &copy).context("cannot copy the program")?;
        Ok(Hpcbench::at(&copy, self.path()).env("PATH", self.path()))
    }

    /// The program, of whose processes none may have more open files than that.
    ///
    /// # Errors
    ///
    /// It has not been built.
    pub fn hpcbench_with_open_files(&self, limit: u32) -> Result<Hpcbench> {
        let script = format!("ulimit -n {limit}\nexec {} \"$@\"\n", binary()?.display());
        Ok(Hpcbench::at(&stand_in(self, "limited", &script)?, self.path()))
    }

    /// `hpcbench run` of this recipe into [`Self::run`].
    ///
    /// # Errors
    ///
    /// The program has not been built, or the recipe cannot be written.
    pub fn bench(&self, recipe: &Recipe) -> Result<Hpcbench> {
        let file = self.write("recipe.yaml", &recipe.text())?;
        Ok(self
            .hpcbench()?
            .arg("run")
            .arg(file)
            .arg("--run-dir")
            .arg(self.run()))
    }

    /// The run directory of [`Self::bench`].
    pub fn run(&self) -> PathBuf {
        self.runs().join("test")
    }

    /// `hpcbench resume` of [`Self::run`].
    ///
    /// # Errors
    ///
    /// The program has not been built.
    pub fn resume(&self) -> Result<Hpcbench> {
        Ok(self.hpcbench()?.arg("resume").arg(self.run()))
    }

    /// What runs have left on the local disk outside their directories.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn scratch(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.path().join("scratch"))?;
        Ok(entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?)
    }

    /// The processes that were started in this world and still live.
    ///
    /// # Errors
    ///
    /// `/proc` cannot be read.
    pub fn processes(&self) -> Result<Vec<Process>> {
        processes_of(self.path())
    }

    /// Waits until no process of this world is left.
    ///
    /// # Errors
    ///
    /// Some still live after the limit; they are named.
    pub fn expect_no_process(&self, limit: Duration) -> Result<()> {
        let none = wait_until(limit, "all processes to end", || {
            Ok(self.processes()?.is_empty().then_some(()))
        });
        if none.is_err() {
            let left = self.processes()?;
            ensure!(left.is_empty(), "still alive after {limit:?}: {left:#?}");
        }
        Ok(())
    }
}

impl Drop for Workdir {
    fn drop(&mut self) {
        // More than once, since one may have been about to start another.
        for _ in 0..3 {
            for process in self.processes().unwrap_or_default() {
                // It may have ended by itself meanwhile.
                let _ = process.signal(Signal::SIGKILL);
            }
        }
    }
}
