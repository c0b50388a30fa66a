//! CPU time of the node, from `/proc/stat`, and its load, from `/proc/loadavg`.

/// Ticks since boot over all CPUs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CpuTicks {
    total: u64,
    idle: u64,
    waiting: u64,
    stolen: u64,
}

/// Shares of the time between two looks, from 0 to 1 of all CPUs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CpuShares {
    /// Neither idle nor waiting for a disk.
    pub(super) busy: f64,
    /// Idle while a disk was waited for.
    pub(super) waiting: f64,
    /// Taken by the host of a virtual machine.
    pub(super) stolen: f64,
}

/// `user nice system idle iowait irq softirq steal`; what guests use is within user and nice.
const FIELDS: usize = 8;
const IDLE: usize = 3;
const IOWAIT: usize = 4;
const STEAL: usize = 7;

/// The first line of `/proc/stat`.
pub(super) fn ticks(stat: &str) -> Option<CpuTicks> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line
        .split_ascii_whitespace()
        .take(FIELDS)
        .map_while(|field| field.parse().ok())
        .collect();
    let field = |index| fields.get(index).copied();
    Some(CpuTicks {
        total: fields.iter().sum(),
        idle: field(IDLE)?,
        waiting: field(IOWAIT).unwrap_or(0),
        stolen: field(STEAL).unwrap_or(0),
    })
}

/// What the time between two looks was used for; `None` if no time has passed.
pub(super) fn shares(before: CpuTicks, now: CpuTicks) -> Option<CpuShares> {
    let total = now.total.checked_sub(before.total).filter(|total| *total > 0)?;
    // Some kernels let the time waited for a disk run backwards.
    let share = |before: u64, now: u64| (now.saturating_sub(before) as f64 / total as f64).min(1.0);
    let (idle, waiting) = (share(before.idle, now.idle), share(before.waiting, now.waiting));
    Some(CpuShares {
        busy: (1.0 - idle - waiting).max(0.0),
        waiting,
        stolen: share(before.stolen, now.stolen),
    })
}

/// Runnable and waiting processes, averaged over the last minute.
pub(super) fn load(loadavg: &str) -> Option<f64> {
    loadavg.split_ascii_whitespace().next()?.parse().ok()
}
