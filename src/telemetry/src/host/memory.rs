//! Memory of the node, from `/proc/meminfo`.

/// Lines that are kept, and their names in tables.
const KEPT: [(&str, &str); 4] = [
    ("MemTotal:", "memory_total_bytes"),
    ("MemAvailable:", "memory_available_bytes"),
    ("SwapTotal:", "swap_total_bytes"),
    ("SwapFree:", "swap_free_bytes"),
];

/// What is kept of `/proc/meminfo`.
pub(super) fn memory(meminfo: &str) -> Vec<(&'static str, f64)> {
    let kept = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let key = words.next()?;
        let (_, name) = KEPT.iter().find(|(known, _)| *known == key)?;
        let kib: u64 = words.next()?.parse().ok()?;
        (words.next() == Some("kB")).then_some((*name, kib as f64 * 1024.0))
    };
    meminfo.lines().filter_map(kept).collect()
}
