//! Processes of a run whose orchestrator is gone.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The variable that marks every process of a run.
pub const RUN_VARIABLE: &str = "HPCBENCH_RUN";
/// Pause between two looks at processes that were killed.
const POLL: Duration = Duration::from_millis(10);

/// The mark's value: the run's directory, the same however it was named.
pub(crate) fn run_mark(run_dir: &Path) -> OsString {
    fs::canonicalize(run_dir)
        .unwrap_or_else(|_| run_dir.to_path_buf())
        .into_os_string()
}

/// What was found of a run's former life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftovers {
    /// Processes that were killed.
    pub killed: usize,
    /// Processes that did not end in time: they wait for a device or a file system.
    pub left: Vec<u32>,
}

/// Kills every process on this host that carries the run's mark, this process and its ancestors excepted, and waits for
/// their end. Before each kill, `is_still_ours` says whether the run is: the mark does not tell whose life of the run a process
/// belongs to.
///
/// To be called before this process starts any of its own. Other users' processes cannot be looked at, nor are they ours.
///
/// # Errors
/// What `is_still_ours` says: nothing more was killed.
pub fn kill_leftovers<E>(
    run_dir: &Path,
    patience: Duration,
    mut is_still_ours: impl FnMut() -> Result<(), E>,
) -> Result<Leftovers, E> {
    let mark = run_mark(run_dir);
    let spared = ancestry();
    let until = Instant::now() + patience;
    let mut killed = BTreeSet::new();
    let mut was_empty = false;
    loop {
        let found = marked(&mark, &spared);
        // A process in the middle of its `execve` has no environment for a moment: seen twice, nothing is there.
        let nothing_twice = was_empty && found.is_empty();
        was_empty = found.is_empty();
        if nothing_twice || Instant::now() > until {
            return Ok(Leftovers {
                killed: killed.len(),
                left: found,
            });
        }
        // After the look: whoever takes the run over says so before it starts anything.
        is_still_ours()?;
        for pid in found {
            killed.insert(pid);
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        }
        std::thread::sleep(POLL);
    }
}

/// The living processes whose environment has the mark. That of a process that has ended is empty.
fn marked(mark: &OsStr, spared: &[u32]) -> Vec<u32> {
    let entry = [RUN_VARIABLE.as_bytes(), b"=", mark.as_bytes()].concat();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| !spared.contains(pid))
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|found| found == entry))
        })
        .collect()
}

/// This process and those that it descends from: a run may be resumed out of another's shell.
fn ancestry() -> Vec<u32> {
    let mut pids = vec![std::process::id()];
    while let Some(parent) = pids.last().and_then(|pid| super::tree::parent(*pid)) {
        if parent == 0 || pids.contains(&parent) {
            break;
        }
        pids.push(parent);
    }
    pids
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn what_carries_the_runs_mark_is_killed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        fs::create_dir(&run).unwrap();
        let sleep = |mark: &Path| {
            let mut command = Command::new("sleep");
            command.arg("60").env(RUN_VARIABLE, mark).process_group(0);
            command.spawn().unwrap()
        };
        let mut ours = sleep(&run);
        let mut other = sleep(dir.path());
        // By another name of the same directory.
        let named = dir.path().join("run/../run");
        let taken_over = kill_leftovers(&named, Duration::from_secs(10), || Err("taken over"));
        assert_eq!(taken_over, Err("taken over"));
        assert_eq!(ours.try_wait().unwrap(), None, "it may be the successor's");
        let found = kill_leftovers(&named, Duration::from_secs(10), || Ok::<_, ()>(()));
        assert_eq!(
            found,
            Ok(Leftovers {
                killed: 1,
                left: Vec::new()
            })
        );
        assert!(!ours.wait().unwrap().success());
        assert_eq!(other.try_wait().unwrap(), None);
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
