//! The same program on a slower disk: a library between it and the system calls lets each sync wait, the raw one no less than
//! the journal's. nats-server makes its system calls without such a library; it does not sync before it acknowledges.

use std::process::Command;
use std::time::Duration;

use hpcbench_tests::{Workdir, library};

/// Tells the library, and the program that is started again, for how long.
const WAIT: &str = "SLOW_SYNC_MICROS";

/// The additional waits. The longest makes a disk as parallel file systems are, whose syncs go to another machine; the
/// others show where the goal comes within reach.
const WAITS: [Duration; 2] = [Duration::from_micros(300), Duration::from_millis(2)];
const LONGEST: Duration = WAITS[WAITS.len() - 1];

fn wait() -> Option<Duration> {
    let micros = std::env::var(WAIT).ok()?;
    Some(Duration::from_micros(micros.parse().unwrap()))
}

/// Which disk this process has.
pub(crate) fn disk() -> String {
    wait().map_or_else(
        || "the disk as it is".to_owned(),
        |wait| format!("each sync waits {wait:?} more"),
    )
}

pub(crate) fn is_slowed() -> bool {
    wait().is_some()
}

/// What is not sync takes as long on each disk; on one as slow as this it has to vanish.
pub(crate) fn has_to_reach_the_goal() -> bool {
    wait().is_some_and(|wait| wait >= LONGEST)
}

/// Runs this program again on each slower disk.
pub(crate) fn again(seconds: Option<&str>) {
    let workdir = Workdir::new().unwrap();
    let library = library(&workdir, "slow-sync.c", "slow-sync.so").unwrap();
    for wait in WAITS {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(seconds)
            .env("LD_PRELOAD", &library)
            .env(WAIT, wait.as_micros().to_string())
            .status()
            .unwrap();
        assert!(status.success(), "with {wait:?} more for each sync: {status}");
    }
}
