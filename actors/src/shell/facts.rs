//! What a process knows of itself and its node.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use hpcbench_core::event::{HostFacts, Program, Writer};

use super::{NodeAddress, NodeResources};

/// Fields of `/proc/PID/stat` after the name in parentheses: the state, and the start time in clock ticks since boot.
const STATE_FIELD: usize = 0;
const START_TIME_FIELD: usize = 19;

/// What this process finds on its node. What cannot be read is 0, empty or `unknown`.
pub fn host_facts(address: &NodeAddress, resources: &NodeResources) -> HostFacts {
    HostFacts {
        host: hostname(),
        kernel: read_trimmed("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
        cpus: u32::try_from(resources.cpus.len()).unwrap_or(u32::MAX),
        memory_bytes: resources.memory,
        open_files: resources.open_files,
        cpu_list: resources.cpu_list(),
        memory_limit_bytes: resources.memory_limit,
        gpus: resources.gpus.clone(),
        address: Some(address.address.to_string()),
        interface: address.interface.clone(),
        speed_mbps: address.speed_mbps,
        link_port: None,
        locked_memory_bytes: resources.locked_memory,
        topology: None,
        scratch: None,
    }
}

/// The process that writes an epoch.
pub fn writer(program: Program) -> Writer {
    let pid = std::process::id();
    Writer {
        host: hostname(),
        pid,
        process_start: process_start(pid).unwrap_or(0),
        boot: host_boot(),
        pid_namespace: pid_namespace(),
        user: user(),
        program,
    }
}

/// An id for one life of an agent: no other process on that host ever has had it, and `launch` tells the lives within
/// one process apart.
pub fn boot_id(launch: u32) -> String {
    let pid = std::process::id();
    format!(
        "{}-{pid}-{}-{launch}",
        hostname(),
        process_start(pid).unwrap_or(0)
    )
}

/// The kernel's id of this host's boot.
pub fn host_boot() -> Option<String> {
    read_trimmed("/proc/sys/kernel/random/boot_id").filter(|id| !id.is_empty())
}

/// The inode of the namespace that process ids belong to here.
pub fn pid_namespace() -> Option<u64> {
    fs::metadata("/proc/self/ns/pid").ok().map(|found| found.ino())
}

/// When a process started, in clock ticks since its host did; with its pid it names one process. One that has ended and
/// is only waited for by its parent does not count.
pub fn process_start(pid: u32) -> Option<u64> {
    let fields = stat(pid)?;
    if matches!(fields.get(STATE_FIELD)?.as_str(), "Z" | "X") {
        return None;
    }
    fields.get(START_TIME_FIELD)?.parse().ok()
}

/// Whether a process was stopped by a signal or a debugger: it does nothing until it is continued.
pub fn is_stopped(pid: u32) -> bool {
    let state = stat(pid).and_then(|fields| fields.into_iter().nth(STATE_FIELD));
    state.is_some_and(|state| matches!(state.as_str(), "T" | "t"))
}

/// The fields of `/proc/PID/stat` after the name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_ascii_whitespace().map(ToOwned::to_owned).collect())
}

/// This host's name.
pub fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(unknown)
}

/// The login name that this process runs under.
pub fn user() -> String {
    let uid = nix::unistd::getuid();
    match nix::unistd::User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

fn read_trimmed(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use nix::sys::signal::{Signal, kill};
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    use nix::unistd::Pid;

    use super::*;

    #[test]
    fn a_stopped_process_lives_and_one_that_has_ended_does_not() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        assert!(process_start(child.id()).is_some() && !is_stopped(child.id()));
        kill(pid, Signal::SIGSTOP).unwrap();
        waitid(Id::Pid(pid), WaitPidFlag::WSTOPPED).unwrap();
        assert!(process_start(child.id()).is_some() && is_stopped(child.id()));
        kill(pid, Signal::SIGKILL).unwrap();
        waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
        assert_eq!(process_start(child.id()), None, "nobody has waited for it yet");
        child.wait().unwrap();
    }
}
