//! Which processor cores the engine threads run on.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::spec::Pin;

/// Where Linux lists the cores that are there.
const ONLINE: &str = "/sys/devices/system/cpu/online";

/// The calling thread.
const THIS_THREAD: Pid = Pid::from_raw(0);

/// The cores that `threads` engine threads are to be bound to; empty if they are not to be.
pub(crate) fn choose(pin: Pin, threads: u32) -> Vec<usize> {
    if pin == Pin::Never {
        return Vec::new();
    }
    let online = std::fs::read_to_string(ONLINE).ok();
    let online = online.as_deref().and_then(count_cores);
    pick(pin, &allowed(), online, threads as usize)
}

/// Of the cores that this process may use, the last ones: the first is left to the rest of the program, which most
/// often runs there.
fn pick(pin: Pin, allowed: &[usize], online: Option<usize>, threads: usize) -> Vec<usize> {
    let wanted = match pin {
        Pin::Never => false,
        Pin::Always => allowed.len() >= threads,
        // Cores that everybody may use belong to nobody: another process may have bound itself to the same.
        Pin::Auto => allowed.len() > threads && online.is_some_and(|online| online > allowed.len()),
    };
    let first = allowed.len().saturating_sub(threads);
    allowed
        .get(first..)
        .filter(|_| wanted)
        .unwrap_or_default()
        .to_vec()
}

/// The cores that this thread may use, in order; none where the system does not tell.
pub(crate) fn allowed() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(THIS_THREAD) else {
        return Vec::new();
    };
    (0..CpuSet::count())
        .filter(|core| set.is_set(*core).unwrap_or(false))
        .collect()
}

/// Binds the calling thread to a core. Where the system refuses, the thread runs where it did.
pub(crate) fn bind(core: usize) {
    let mut set = CpuSet::new();
    if set.set(core).is_ok() {
        let _ = sched_setaffinity(THIS_THREAD, &set);
    }
}

/// Number of cores in a list such as `0-3,8`.
fn count_cores(list: &str) -> Option<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        Some(last.checked_sub(first)? + 1)
    };
    list.trim().split(',').map(range).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores() {
        assert_eq!(count_cores("0-3,8\n"), Some(5));
        assert_eq!(count_cores("0"), Some(1));
        assert_eq!(count_cores("3-0"), None);
        assert_eq!(count_cores(""), None);
    }

    #[test]
    fn threads_are_bound_only_where_cores_are_their_own() {
        let given = [4, 5, 6, 7];
        assert_eq!(pick(Pin::Auto, &given, Some(16), 3), [5, 6, 7]);
        assert_eq!(pick(Pin::Auto, &given, Some(4), 3), [0; 0]);
        assert_eq!(pick(Pin::Auto, &given, Some(16), 4), [0; 0]);
        assert_eq!(pick(Pin::Auto, &given, None, 3), [0; 0]);
        assert_eq!(pick(Pin::Always, &given, Some(4), 4), given);
        assert_eq!(pick(Pin::Always, &given, Some(4), 5), [0; 0]);
        assert_eq!(pick(Pin::Never, &given, Some(16), 1), [0; 0]);
    }

    #[test]
    fn a_thread_can_be_bound() {
        let cores = allowed();
        let last = *cores.last().unwrap();
        let bound = std::thread::spawn(move || {
            bind(last);
            allowed()
        });
        assert_eq!(bound.join().unwrap(), [last]);
        assert_eq!(allowed(), cores);
    }
}
