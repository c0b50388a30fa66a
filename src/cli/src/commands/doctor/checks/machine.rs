//! Processors and memory, and what of them this process may use.

use std::path::{Path, PathBuf};

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::super::check::Check;

/// Below this a client and a service cannot run side by side.
const FEW_CPUS: f64 = 2.0;
/// What the processes of a small run need, about.
const LITTLE_MEMORY: u64 = 1 << 30;
/// Where control groups (version 2) are.
const CGROUPS: &str = "/sys/fs/cgroup";
/// Values above this are how version 1 says that there is no limit; nothing has so much.
const NO_LIMIT: u64 = 1 << 60;

/// What is there; `None` where the system does not tell, or sets no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Machine {
    online: Option<usize>,
    allowed: Option<usize>,
    /// Processors' worth of time that the control group may use.
    quota: Option<f64>,
    available_bytes: Option<u64>,
    /// What the control group may still take.
    group_bytes: Option<u64>,
}

pub(super) fn gather() -> Machine {
    let own = own_group();
    let levels = || own.ancestors().take_while(|path| path.starts_with(CGROUPS));
    let allowed = sched_getaffinity(Pid::from_raw(0)).ok();
    let least = levels().filter_map(free_in).min();
    Machine {
        online: text("/sys/devices/system/cpu/online").and_then(|list| cores_in(&list)),
        allowed: allowed.map(|set| {
            (0..CpuSet::count())
                .filter(|&core| set.is_set(core) == Ok(true))
                .count()
        }),
        quota: levels()
            .filter_map(|path| quota_in(&text(path.join("cpu.max"))?))
            .min_by(f64::total_cmp),
        available_bytes: text("/proc/meminfo").and_then(|text| available_in(&text)),
        group_bytes: least.or_else(|| free_in_version_1(Path::new(CGROUPS))),
    }
}

fn text(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// The folder of this process's control group.
fn own_group() -> PathBuf {
    let listed = text("/proc/self/cgroup").unwrap_or_default();
    let own = listed.lines().find_map(|line| line.strip_prefix("0::/"));
    Path::new(CGROUPS).join(own.unwrap_or_default())
}

fn free_in(group: &Path) -> Option<u64> {
    let number = |name| text(group.join(name))?.trim().parse::<u64>().ok();
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

fn free_in_version_1(groups: &Path) -> Option<u64> {
    let number = |name| text(groups.join("memory").join(name))?.trim().parse::<u64>().ok();
    let limit = number("memory.limit_in_bytes").filter(|&limit| limit < NO_LIMIT)?;
    Some(limit.saturating_sub(number("memory.usage_in_bytes")?))
}

/// `150000 100000` is one and a half processors, `max 100000` no limit.
fn quota_in(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace().map(str::parse::<f64>);
    let (time, period) = (words.next()?.ok()?, words.next()?.ok()?);
    (period > 0.0).then_some(time / period)
}

/// Number of cores in a list such as `0-3,8`.
fn cores_in(list: &str) -> Option<usize> {
    let ranges = list.trim().split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        Some(last.checked_sub(first)? + 1)
    });
    ranges.sum()
}

fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1_024)
}

/// Few processors and little memory are no obstacle, but measurements suffer.
pub(super) fn judge(machine: &Machine) -> Vec<Check> {
    vec![processors(machine), memory(machine)]
}

fn processors(machine: &Machine) -> Check {
    const NAME: &str = "processors";
    let Some(allowed) = machine.allowed else {
        return Check::ok(NAME, "the system does not tell which ones may be used");
    };
    let mut found = match machine.online {
        Some(online) if online != allowed => format!("{allowed} of {online} may be used"),
        _ => format!("{allowed}"),
    };
    if let Some(quota) = machine.quota {
        found = format!("{found}, the control group may use the time of {quota:.1}");
    }
    let usable = machine
        .quota
        .map_or(allowed as f64, |quota| quota.min(allowed as f64));
    if usable < FEW_CPUS {
        let advice =
            "with less than 2, the load engine, the service and the orchestrator take time from each other";
        return Check::warning(NAME, found, advice);
    }
    if machine.quota.is_some_and(|quota| quota < allowed as f64) {
        let advice = "a quota stops all threads at once when it is used up; bind to whole processors instead";
        return Check::warning(NAME, found, advice);
    }
    Check::ok(NAME, found)
}

fn memory(machine: &Machine) -> Check {
    const NAME: &str = "memory";
    let usable = [machine.available_bytes, machine.group_bytes]
        .into_iter()
        .flatten()
        .min();
    let Some(usable) = usable else {
        return Check::ok(NAME, "the system does not tell how much there is");
    };
    let limited = machine.group_bytes == Some(usable);
    let by = if limited {
        ", by the limit of the control group"
    } else {
        ""
    };
    let found = format!("{:.1} GB available{by}", usable as f64 / 1e9);
    if usable < LITTLE_MEMORY {
        Check::warning(
            NAME,
            found,
            "end other programs or ask for more: a small run takes about 1 GB",
        )
    } else {
        Check::ok(NAME, found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
    use super::*;

    #[test]
    fn what_the_system_writes_is_understood() {
        assert_eq!(cores_in("0-3,8\n"), Some(5));
        assert_eq!(cores_in("3-0"), None);
        assert_eq!(quota_in("150000 100000\n"), Some(1.5));
        assert_eq!(quota_in("max 100000"), None);
        assert_eq!(
            available_in("MemTotal: 9 kB\nMemAvailable:   2 kB\n"),
            Some(2_048)
        );
        assert_eq!(available_in("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn the_tighter_limit_counts() {
        for (allowed, quota, status) in [
            (4, None, Status::Ok),
            (1, None, Status::Warning),
            (4, Some(1.5), Status::Warning),
            (4, Some(3.0), Status::Warning),
            (4, Some(4.0), Status::Ok),
        ] {
            let machine = Machine {
                online: Some(4),
                allowed: Some(allowed),
                quota,
                ..Machine::default()
            };
            assert_eq!(processors(&machine).status, status, "{machine:?}");
        }
        let machine = Machine {
            available_bytes: Some(64 << 30),
            group_bytes: Some(1 << 20),
            ..Machine::default()
        };
        assert_eq!(memory(&machine).status, Status::Warning);
        assert!(memory(&machine).found.contains("control group"));
    }

    #[test]
    fn a_system_that_tells_nothing_is_no_fault() {
        let checks = judge(&Machine::default());
        assert!(
            checks.iter().all(|check| check.status == Status::Ok),
            "{checks:?}"
        );
    }
}
