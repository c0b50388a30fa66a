//! The tree of processes below one, from `/proc`.

use std::collections::BTreeMap;
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The direct children of a process that are still alive or not yet waited for.
pub fn children_of(parent: u32) -> Vec<u32> {
    processes()
        .into_iter()
        .filter(|(_, ppid)| *ppid == parent)
        .map(|(pid, _)| pid)
        .collect()
}

/// Every process below `root`, `root` itself excepted.
pub(super) fn descendants(root: u32) -> Vec<u32> {
    below(root, &[])
}

/// Sends SIGKILL to every process below `root`, `root` itself excepted; returns how many there were.
///
/// New ones may appear in between: call it until it returns 0.
pub fn kill_descendants(root: u32, except: &[u32]) -> usize {
    let doomed = below(root, except);
    for pid in &doomed {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(*pid as i32), Signal::SIGKILL);
    }
    doomed.len()
}

fn below(root: u32, except: &[u32]) -> Vec<u32> {
    let parents = processes();
    let mut found = Vec::new();
    let mut frontier = vec![root];
    while let Some(parent) = frontier.pop() {
        for (pid, _) in parents
            .iter()
            .filter(|(pid, ppid)| **ppid == parent && !except.contains(pid))
        {
            found.push(*pid);
            frontier.push(*pid);
        }
    }
    found
}

/// A process's parent.
pub(super) fn parent(pid: u32) -> Option<u32> {
    parent_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Every process's parent.
fn processes() -> BTreeMap<u32, u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect()
}

/// The fourth field of `/proc/PID/stat`; the second is a name in parentheses and may hold anything.
fn parent_of(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_parent_behind_any_name() {
        assert_eq!(parent_of("12 (a b) c) S 7 12 12 0"), Some(7));
        assert_eq!(parent_of("12"), None);
    }

    #[test]
    fn finds_a_child_of_this_process() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(children_of(std::process::id()).contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
