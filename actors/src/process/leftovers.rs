//! What a former orchestrator has left behind.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The variable that marks every process of a run; its value is the run's directory, absolute.
pub(super) const RUN_VARIABLE: &str = "HPCBENCH_RUN";

/// How long leftovers may take to end by themselves: guards have their grace.
const PATIENCE: Duration = Duration::from_secs(12);
const LOOK: Duration = Duration::from_millis(50);

/// The value that marks a run's processes, however its directory was named.
pub(super) fn mark_of(run_dir: &Path) -> OsString {
    fs::canonicalize(run_dir)
        .unwrap_or_else(|_| run_dir.to_path_buf())
        .into_os_string()
}

/// Ends every process of the run in `run_dir` on this host, this one excepted: in order, then by force. Returns how many
/// there were.
///
/// To be called only when the run's orchestrator is known to be gone.
pub fn end_leftovers(run_dir: &Path) -> usize {
    let mark = mark_of(run_dir);
    let found = processes_marked(&mark);
    for pid in &found {
        send(*pid, Signal::SIGTERM);
    }
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && !processes_marked(&mark).is_empty() {
        std::thread::sleep(LOOK);
    }
    for pid in processes_marked(&mark) {
        send(pid, Signal::SIGKILL);
    }
    found.len()
}

fn send(pid: u32, signal: Signal) {
    // It may have ended meanwhile.
    let _ = kill(Pid::from_raw(pid as i32), signal);
}

fn processes_marked(mark: &OsString) -> Vec<u32> {
    let wanted = [RUN_VARIABLE.as_bytes(), b"=", mark.as_bytes()].concat();
    let own = std::process::id();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // Other users' environments cannot be read, and are none of ours.
    pids.filter(|pid| *pid != own)
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == wanted)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn ends_what_is_marked_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let start = |mark: OsString| {
            Command::new("sleep")
                .arg("60")
                .env(RUN_VARIABLE, mark)
                .spawn()
                .unwrap()
        };
        let mut ours = start(mark_of(dir.path()));
        let mut other = start(OsString::from("/somewhere/else"));
        // A zombie has no environment any more: nobody has to wait for it here.
        assert_eq!(end_leftovers(dir.path()), 1);
        assert!(!ours.wait().unwrap().success());
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
