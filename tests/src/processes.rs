//! Which processes a run has, as the kernel sees it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// A living process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its parent's id.
    pub parent: i32,
    /// Its arguments, separated by spaces.
    pub command: String,
    /// When it started, in clock ticks since boot: with the id it names a process for ever.
    pub started: u64,
}

/// The most memory that a process has had at any time, bytes.
///
/// # Errors
///
/// It has ended.
pub fn peak_memory(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib.context("no VmHWM in its status")?.trim().parse()?;
    Ok(kib * 1024)
}

impl Process {
    /// Whether it is a simulated service itself, not somebody who only watches over one.
    pub fn is_simulator(&self) -> bool {
        self.command.split(' ').nth(1) == Some("simulate")
    }

    /// Whether it is an agent that produces load.
    pub fn is_client(&self) -> bool {
        self.command.split(' ').nth(1) == Some("agent") && self.command.contains("--role client")
    }

    /// The most memory that it has had at any time, bytes.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn peak_memory(&self) -> Result<u64> {
        peak_memory(self.pid.unsigned_abs())
    }

    /// Sends a signal.
    ///
    /// # Errors
    ///
    /// There is no such process any more.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.pid), signal).with_context(|| format!("cannot send {signal} to {self:?}"))
    }

    /// Whether this very process still lives.
    pub fn lives(&self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.started == self.started && !stat.is_dead())
    }

    /// CPU time that it has used so far, all threads, waited-for children apart.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn cpu_time(&self) -> Result<Duration> {
        let stat = stat(self.pid).filter(|stat| stat.started == self.started);
        let stat = stat.with_context(|| format!("{self:?} has ended"))?;
        let per_second = sysconf(SysconfVar::CLK_TCK)?.context("the kernel has no clock tick")?;
        Ok(Duration::from_secs_f64(stat.cpu_ticks as f64 / per_second as f64))
    }
}

/// Every living process, this one apart, that has the folder's path in its arguments or its environment.
///
/// # Errors
///
/// `/proc` cannot be read.
pub fn processes_of(folder: &Path) -> Result<Vec<Process>> {
    let needle = folder.as_os_str().as_encoded_bytes();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot list /proc")? {
        let Some(pid) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok())
        else {
            continue;
        };
        // A process may end at any moment: then there is nothing to read.
        let Some(stat) = stat(pid).filter(|stat| !stat.is_dead()) else {
            continue;
        };
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if pid != std::process::id().cast_signed()
            && (contains(&command, needle) || contains(&environment, needle))
        {
            let command = String::from_utf8_lossy(&command)
                .replace('\0', " ")
                .trim_end()
                .to_owned();
            found.push(Process {
                pid,
                parent: stat.parent,
                command,
                started: stat.started,
            });
        }
    }
    Ok(found)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// What we need of `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    parent: i32,
    /// User and system time in clock ticks.
    cpu_ticks: u64,
    /// Start time in clock ticks since boot.
    started: u64,
}

impl Stat {
    /// Ended, and only waiting to be waited for.
    fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// Whether the process is stopped, as by SIGSTOP.
pub(crate) fn is_stopped(pid: i32) -> bool {
    stat(pid).is_some_and(|stat| stat.state == 'T')
}

fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Fields are separated by spaces, but the second, the program's name in parentheses, may hold spaces and parentheses.
fn parse_stat(line: &str) -> Option<Stat> {
    let (_, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // proc(5) counts from 1 and the third field is the first after the name.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        cpu_ticks: number(14)? + number(15)?,
        started: number(22)?,
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn reads_a_name_with_parentheses() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194304 1 0 0 0 30 12 0 0 20 0 1 0 9001 1 1 1";
        let expected = Stat {
            state: 'S',
            parent: 7,
            cpu_ticks: 42,
            started: 9001,
        };
        assert_eq!(parse_stat(line), Some(expected));
    }

    #[test]
    fn refuses_half_a_line() {
        assert_eq!(parse_stat("42 (a) S 7 42"), None);
        assert_eq!(parse_stat("42"), None);
    }

    #[test]
    fn finds_a_process_by_argument_and_by_environment() {
        let folder = tempfile::tempdir().unwrap();
        let by_argument = Command::new("sh")
            .args(["-c", "sleep 60; :"])
            .arg(folder.path())
            .spawn()
            .unwrap();
        let by_environment = Command::new("sleep")
            .arg("60")
            .env("WHERE", folder.path())
            .spawn()
            .unwrap();
        for mut child in [by_argument, by_environment] {
            let pid = child.id().cast_signed();
            let process = crate::wait_until(Duration::from_secs(5), "the process", || {
                Ok(processes_of(folder.path())?
                    .into_iter()
                    .find(|process| process.pid == pid))
            });
            let process = process.unwrap();
            assert!(process.lives() && process.cpu_time().unwrap() < Duration::from_secs(5));
            for process in processes_of(folder.path())
                .unwrap()
                .iter()
                .filter(|process| process.parent == pid)
            {
                process.signal(Signal::SIGKILL).unwrap();
            }
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(!process.lives());
        }
    }
}
