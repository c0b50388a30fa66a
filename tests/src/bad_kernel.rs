//! A kernel that serves the load engine badly.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{Hpcbench, Recipe, Workdir, library};

/// What such a kernel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadKernel {
    /// Timers and waits end 20 ms late.
    SlowTimer,
    /// Reads come without their time stamps.
    NoStamps,
    /// Reads come with time stamps of an hour later.
    WrongStamps,
    /// No socket can have time stamps.
    NoStamping,
    /// The real-time clock jumps ahead by a millisecond every 5 ms.
    ClockSteps,
    /// Each thread is said to have used a core all the time.
    Busy,
    /// No space is left for records after 32 KiB of them.
    FullDisk,
}

impl BadKernel {
    const fn name(self) -> &'static str {
        match self {
            Self::SlowTimer => "slow-timer",
            Self::NoStamps => "no-stamps",
            Self::WrongStamps => "wrong-stamps",
            Self::NoStamping => "no-stamping",
            Self::ClockSteps => "clock-steps",
            Self::Busy => "busy",
            Self::FullDisk => "full-disk",
        }
    }

    /// `hpcbench run` of this recipe, whose clients have such a kernel. It stands between the program and the system calls, so
    /// that the program needs nothing for it.
    ///
    /// # Errors
    ///
    /// There is no C compiler, or the program has not been built.
    pub fn bench(self, workdir: &Workdir, recipe: &Recipe) -> Result<Hpcbench> {
        let library = library(workdir, "bad-kernel.c", "bad-kernel.so")?;
        let bench = workdir.bench(recipe)?;
        Ok(bench
            .env("LD_PRELOAD", library)
            .env("BAD_KERNEL", self.name())
            .env("KERNEL_REPORT", report(workdir)))
    }

    /// How many records a full disk has taken, in whole blocks.
    ///
    /// # Errors
    ///
    /// It has taken none.
    pub fn records_taken(workdir: &Workdir) -> Result<u64> {
        let text = fs::read_to_string(report(workdir)).context("the disk has taken no records")?;
        let blocks = text.lines().map(str::parse::<u64>);
        Ok(blocks.sum::<Result<u64, _>>()?)
    }
}

fn report(workdir: &Workdir) -> PathBuf {
    workdir.path().join("kernel-report.txt")
}
