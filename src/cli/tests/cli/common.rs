//! The program under test, in a world of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A recipe that this build can run.
pub(crate) const RECIPE: &str = "\
schema: hpcbench/v1
name: tiny
service: {kind: simulator}
workload:
  load: {shape: closed, concurrency: 2}
  requests: 5000
  prompts: {source: synthetic, input_tokens: 8, output_tokens: 8}
";

/// A temporary folder that the program starts in.
pub(crate) struct World {
    folder: TempDir,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    /// One with a good recipe in it, `good.yaml`.
    pub(crate) fn with_recipe() -> Self {
        let world = Self::new();
        world.write("good.yaml", RECIPE);
        world
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A command that knows nothing of the user's environment, and finds no nats-server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hpcbench"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", "/usr/bin:/bin")
            .env("HPCBENCH_NATS_SERVER", "/nowhere/nats-server")
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        Finished::of(self.command(arguments).output().unwrap())
    }
}

impl Finished {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output as one JSON document.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// It exited with this code, with a message of one line at least and nothing on standard output.
    #[track_caller]
    pub(crate) fn expect_refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {self:?}");
        }
        assert_eq!(
            self.stderr.matches("error: ").count(),
            1,
            "errors are printed once: {self:?}"
        );
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }
}
