//! Work that is split over the cores, with the same result on any number of them.

use std::panic::resume_unwind;
use std::thread::{self, available_parallelism};

/// Most threads.
const MAX_THREADS: usize = 64;

/// Items that are worth a thread.
const MIN_ITEMS: usize = 16;

/// The results of `make` for 0, 1, … in order, or one of its errors.
pub(super) fn map<T: Send, E: Send>(
    count: usize,
    make: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let cores = available_parallelism().map_or(1, usize::from);
    let threads = cores.min(MAX_THREADS).min(count / MIN_ITEMS).max(1);
    let per_thread = count.div_ceil(threads);
    let make = &make;
    let part = |nth: usize| {
        move || {
            (nth * per_thread..count.min((nth + 1) * per_thread))
                .map(make)
                .collect()
        }
    };
    if threads == 1 {
        return part(0)();
    }
    thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|nth| scope.spawn(part(nth))).collect();
        let mut all = Vec::with_capacity(count);
        for part in parts {
            let made: Result<Vec<T>, E> = part.join().unwrap_or_else(|panic| resume_unwind(panic));
            all.extend(made?);
        }
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_nothing_left_out() {
        for count in [0, 1, 15, 16, 17, 31, 32, 33, 1_000] {
            let all = map(count, Ok::<_, ()>).unwrap();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_is_the_result() {
        let fail = |nth| if nth == 777 { Err("no") } else { Ok(nth) };
        assert_eq!(map(1_000, fail), Err("no"));
    }
}
