//! What is due when: a heap of wake-ups, each for one connection.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use hpcbench_timing::Monotonic;

/// One thing that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wake<T> {
    pub(crate) due: Monotonic,
    pub(crate) task: T,
}

/// Wake-ups in the order of their time; those of the same time in the order of their setting.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    count: u64,
}

#[derive(Debug)]
struct Entry<T> {
    due: Monotonic,
    order: u64,
    task: T,
}

impl<T> Timers<T> {
    pub(crate) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            count: 0,
        }
    }

    /// Sets a wake-up. It cannot be taken back: its owner must recognise it as stale.
    pub(crate) fn set(&mut self, due: Monotonic, task: T) {
        self.count += 1;
        self.heap.push(Reverse(Entry {
            due,
            order: self.count,
            task,
        }));
    }

    /// When the next one is due.
    pub(crate) fn next_due(&self) -> Option<Monotonic> {
        self.heap.peek().map(|Reverse(entry)| entry.due)
    }

    /// Takes the earliest one that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Monotonic) -> Option<Wake<T>> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse(Entry { due, task, .. }) = self.heap.pop()?;
        Some(Wake { due, task })
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn comes_out_sorted_and_stable(dues in proptest::collection::vec(0..50_i64, 0..100), now in 0..60_i64) {
            let mut timers = Timers::new();
            for (index, due) in dues.iter().enumerate() {
                timers.set(Monotonic(*due), index);
            }
            let mut expected: Vec<_> = dues.iter().copied().enumerate().filter(|(_, due)| *due <= now).collect();
            expected.sort_by_key(|(_, due)| *due);
            let popped: Vec<_> =
                std::iter::from_fn(|| timers.pop_due(Monotonic(now))).map(|wake| (wake.task, wake.due.0)).collect();
            prop_assert_eq!(popped, expected);
            prop_assert_eq!(timers.next_due().map(|due| due.0), dues.iter().copied().filter(|due| *due > now).min());
        }
    }
}
