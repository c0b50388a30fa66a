//! A thread's own count of what is in flight. No record enters it, so that the verdict can hold the records against it.

use hpcbench_stats::Window;

/// Adds up for how long requests were in flight in the window. Times are nanoseconds since T0.
#[derive(Debug)]
pub(super) struct InFlightMeter {
    t1: i64,
    /// The window's end, where it is known before.
    t2: Option<i64>,
    /// Sends less ends.
    open: i64,
    /// Σ of the times of sends less Σ of those of ends, where what was before the window counts as its beginning.
    since: i128,
    /// Ends since the last send, where that ends the window: whether they lie in it is not known yet.
    ended: Vec<i64>,
    /// The latest time that is in the sums.
    latest: i64,
}

impl InFlightMeter {
    /// Nothing has been sent; the window begins at `t1`, and ends at `t2` if not with the last send.
    pub(super) const fn new(t1: i64, t2: Option<i64>) -> Self {
        Self {
            t1,
            t2,
            open: 0,
            since: 0,
            ended: Vec::new(),
            latest: i64::MIN,
        }
    }

    /// A request has been sent.
    pub(super) fn sent(&mut self, at: i64) {
        for end in std::mem::take(&mut self.ended) {
            self.add(end, -1);
        }
        self.add(at, 1);
    }

    /// A request that had been sent has ended.
    pub(super) fn ended(&mut self, at: i64) {
        match self.t2 {
            Some(_) => self.add(at, -1),
            None => self.ended.push(at),
        }
    }

    fn add(&mut self, at: i64, change: i64) {
        if self.t2.is_some_and(|t2| at >= t2) {
            return;
        }
        self.open += change;
        self.since += i128::from(change) * i128::from(at.max(self.t1));
        self.latest = self.latest.max(at);
    }

    /// Σ over requests of the time in flight within `window`, nanoseconds. Of a window that was cut short it is not known.
    pub(super) fn within(mut self, window: Window) -> Option<u64> {
        for end in std::mem::take(&mut self.ended) {
            if end < window.t2 {
                self.add(end, -1);
            }
        }
        let total = i128::from(self.open) * i128::from(window.t2) - self.since;
        u64::try_from(total)
            .ok()
            .filter(|_| self.latest < window.t2 || self.latest == i64::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From sent to end.
    const REQUESTS: [(i64, i64); 6] = [(20, 90), (40, 130), (95, 260), (120, 121), (150, 170), (160, 400)];

    fn window(t1: i64, t2: i64) -> Window {
        Window {
            t1,
            t2,
            drained: false,
        }
    }

    /// All of it in the order of time.
    fn counted(mut meter: InFlightMeter) -> InFlightMeter {
        let mut all: Vec<(i64, bool)> = REQUESTS
            .iter()
            .flat_map(|(s, e)| [(*s, true), (*e, false)])
            .collect();
        all.sort_unstable();
        for (at, is_send) in all {
            if is_send {
                meter.sent(at);
            } else {
                meter.ended(at);
            }
        }
        meter
    }

    fn by_hand(window: Window) -> u64 {
        let within = |(sent, end): &(i64, i64)| window.overlap(*sent, *end);
        REQUESTS.iter().map(within).sum()
    }

    #[test]
    fn time_in_flight_is_cut_at_the_windows_ends() {
        for (t1, t2) in [(0, 1_000), (100, 200), (50, 155), (0, 10), (300, 390), (500, 600)] {
            let window = window(t1, t2);
            let meter = counted(InFlightMeter::new(t1, Some(t2)));
            assert_eq!(meter.within(window), Some(by_hand(window)), "{window:?}");
        }
    }

    #[test]
    fn the_last_send_of_any_thread_may_end_the_window() {
        for t2 in [161, 165, 300, 500] {
            let window = window(30, t2);
            let meter = counted(InFlightMeter::new(30, None));
            assert_eq!(meter.within(window), Some(by_hand(window)), "{window:?}");
        }
    }

    #[test]
    fn of_a_window_that_was_cut_short_nothing_is_known() {
        let meter = counted(InFlightMeter::new(0, Some(1_000)));
        assert_eq!(meter.within(window(0, 160)), None);
        assert_eq!(InFlightMeter::new(0, Some(1_000)).within(window(0, 160)), Some(0));
    }
}
