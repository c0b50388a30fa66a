//! The sampling process itself, from `/proc/self/stat`.

/// Fields after the name in parentheses, which may hold anything: user and system time, of the process and of its children
/// that were waited for, in ticks.
const USER: usize = 11;
const SYSTEM: usize = 12;
/// Resident memory in pages.
const RESIDENT: usize = 21;

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usage {
    pub(super) cpu_seconds: f64,
    pub(super) resident_pages: u64,
}

/// The line of `/proc/PID/stat`.
pub(super) fn usage(stat: &str, ticks_per_second: f64) -> Option<Usage> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Usage {
        cpu_seconds: (field(USER)? + field(SYSTEM)?) as f64 / ticks_per_second,
        resident_pages: field(RESIDENT)?,
    })
}
