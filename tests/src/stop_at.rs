//! A run that stops at an exact point, as if somebody had sent it SIGSTOP there.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::{Hpcbench, Running, Workdir, library, wait_until};

/// A point on an event's way out of the orchestrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// It is decided, and its line is about to be written.
    BeforeWrite,
    /// Its line is written, but not synced.
    BeforeSync,
    /// It is synced, but no successor has been looked for.
    AfterSync,
    /// A successor has been looked for, and there was none; nobody has been told of the sync.
    AfterLook,
    /// There was no successor, and it is about to be published.
    BeforePublish,
    /// It goes on, but the disk refuses to sync the line.
    FailedSync,
    /// It goes on, but once after the event is synced the orchestrator cannot read the time, and panics.
    FailedClock,
}

impl Point {
    const fn name(self) -> &'static str {
        match self {
            Self::BeforeWrite => "before-write",
            Self::BeforeSync => "before-sync",
            Self::AfterSync => "after-sync",
            Self::AfterLook => "after-look",
            Self::BeforePublish => "before-publish",
            Self::FailedSync => "failed-sync",
            Self::FailedClock => "failed-clock",
        }
    }
}

/// Makes `hpcbench run` stop itself, once, at a point on the way of the first event of a type; and notes what it does
/// afterwards. It stands between the program and the system calls, so that the program needs nothing for it.
#[derive(Debug)]
pub struct StopAt {
    library: PathBuf,
    report: PathBuf,
}

impl StopAt {
    /// Compiles it.
    ///
    /// # Errors
    ///
    /// There is no C compiler, or it refuses.
    pub fn new(workdir: &Workdir) -> Result<Self> {
        let library = library(workdir, "stop-at.c", "stop-at.so")?;
        let report = workdir.path().join("after-the-stop.txt");
        Ok(Self { library, report })
    }

    /// The command, which is to be `hpcbench run`, with the stop in it.
    #[must_use]
    pub fn within(&self, command: Hpcbench, point: Point, event: &str) -> Hpcbench {
        command
            .env("LD_PRELOAD", &self.library)
            .env("STOP_AT", point.name())
            .env("STOP_EVENT", event)
            .env("STOP_REPORT", &self.report)
    }

    /// Waits until it has stopped.
    ///
    /// # Errors
    ///
    /// It does not within the limit.
    pub fn wait(&self, running: &mut Running, limit: Duration) -> Result<()> {
        wait_until(limit, "the stop", || {
            ensure!(!running.has_ended()?, "it ended without a stop");
            Ok(running.is_stopped().then_some(()))
        })
    }

    /// What it has sent to a bus that lives and which processes it has started since it stopped, a line each.
    ///
    /// # Errors
    ///
    /// It has not begun.
    pub fn since(&self) -> Result<String> {
        fs::read_to_string(&self.report).context("the run does not know of its stop")
    }
}
