//! Admission: at most so many requests in the batch, the others wait in the order of their arrival.

use std::collections::VecDeque;

/// Decides who runs and who waits; knows neither time nor sockets. `K` names a request.
#[derive(Debug)]
pub(crate) struct Scheduler<K> {
    limit: usize,
    queue_limit: usize,
    running: usize,
    waiting: VecDeque<K>,
    peaks: Peaks,
}

/// The highest counts seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Peaks {
    /// Running and waiting together.
    pub(crate) concurrency: usize,
    pub(crate) running: usize,
    pub(crate) waiting: usize,
}

/// What becomes of a new request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It runs at once.
    Run,
    /// It waits; [`Scheduler::leave`] will name it.
    Wait,
    /// The queue is full.
    Refuse,
}

impl<K: PartialEq + Copy> Scheduler<K> {
    pub(crate) fn new(limit: usize, queue_limit: usize) -> Self {
        Self {
            limit,
            queue_limit,
            running: 0,
            waiting: VecDeque::new(),
            peaks: Peaks::default(),
        }
    }

    /// A request arrives.
    pub(crate) fn arrive(&mut self, key: K) -> Admission {
        let admission = if self.running < self.limit {
            self.running += 1;
            Admission::Run
        } else if self.waiting.len() < self.queue_limit {
            self.waiting.push_back(key);
            Admission::Wait
        } else {
            return Admission::Refuse;
        };
        self.note_peaks();
        admission
    }

    /// A running request is over. The one that takes its place, if any, runs from now on.
    pub(crate) fn leave(&mut self) -> Option<K> {
        debug_assert!(self.running > 0, "a request left that did not run");
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.running = self.running.saturating_sub(1);
        }
        next
    }

    /// A waiting request is given up.
    pub(crate) fn abandon(&mut self, key: K) {
        self.waiting.retain(|one| *one != key);
    }

    pub(crate) const fn running(&self) -> usize {
        self.running
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) const fn peaks(&self) -> Peaks {
        self.peaks
    }

    /// Starts the peaks anew from the present counts.
    pub(crate) fn reset_peaks(&mut self) {
        self.peaks = Peaks::default();
        self.note_peaks();
    }

    fn note_peaks(&mut self) {
        let (running, waiting) = (self.running, self.waiting.len());
        self.peaks.running = self.peaks.running.max(running);
        self.peaks.waiting = self.peaks.waiting.max(waiting);
        self.peaks.concurrency = self.peaks.concurrency.max(running + waiting);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_come_first_served() {
        let mut scheduler = Scheduler::new(1, 2);
        let admissions: Vec<_> = (1..=4).map(|key| scheduler.arrive(key)).collect();
        assert_eq!(
            admissions,
            [
                Admission::Run,
                Admission::Wait,
                Admission::Wait,
                Admission::Refuse
            ]
        );
        scheduler.abandon(2);
        assert_eq!(scheduler.leave(), Some(3));
        assert_eq!(scheduler.leave(), None);
        assert_eq!((scheduler.running(), scheduler.waiting()), (0, 0));
        assert_eq!(
            scheduler.peaks(),
            Peaks {
                concurrency: 3,
                running: 1,
                waiting: 2
            }
        );
        scheduler.reset_peaks();
        assert_eq!(scheduler.peaks(), Peaks::default());
    }

    #[derive(Debug, Clone, Copy)]
    enum Operation {
        Arrive,
        Leave,
        Abandon(usize),
    }

    proptest! {
        /// Against a plain list of who runs and who waits.
        #[test]
        fn agrees_with_a_simple_model(
            limit in 1..5_usize,
            queue_limit in 0..5_usize,
            operations in proptest::collection::vec(prop_oneof![
                3 => Just(Operation::Arrive), 2 => Just(Operation::Leave), 1 => (0..5_usize).prop_map(Operation::Abandon),
            ], 0..200),
        ) {
            let mut scheduler = Scheduler::new(limit, queue_limit);
            let (mut running, mut waiting) = (0, Vec::new());
            for (key, operation) in operations.into_iter().enumerate() {
                match operation {
                    Operation::Arrive => match scheduler.arrive(key) {
                        Admission::Run => { prop_assert!(waiting.is_empty()); running += 1; }
                        Admission::Wait => waiting.push(key),
                        Admission::Refuse => prop_assert_eq!((running, waiting.len()), (limit, queue_limit)),
                    },
                    Operation::Leave if running > 0 => {
                        let expected = (!waiting.is_empty()).then(|| waiting.remove(0));
                        prop_assert_eq!(scheduler.leave(), expected);
                        running -= usize::from(expected.is_none());
                    }
                    Operation::Leave => {}
                    Operation::Abandon(place) => if place < waiting.len() {
                        scheduler.abandon(waiting.remove(place));
                    },
                }
                prop_assert_eq!((scheduler.running(), scheduler.waiting()), (running, waiting.len()));
                prop_assert!(running <= limit && waiting.len() <= queue_limit);
            }
        }
    }
}
