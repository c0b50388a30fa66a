//! What a thread knows about itself, for the verdict.

use hpcbench_stats::EngineReport;
use hpcbench_timing::{Monotonic, thread_cpu_nanos};

use super::poller::Wake;

/// Counts loop gaps and processor time while the window is open.
#[derive(Debug, Default)]
pub(super) struct WindowMeter {
    cpu_at_start: Option<i64>,
    cpu_at_end: Option<i64>,
    state: WindowState,
}

/// Where a thread's window stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum WindowState {
    /// It has not begun.
    #[default]
    Ahead,
    /// It is open.
    Open,
    /// It ended then.
    Closed(Monotonic),
}

impl WindowMeter {
    /// Takes note of one turn of the loop; `state` is how it found the window at its end.
    pub(super) fn turn(&mut self, wake: Wake, state: WindowState, report: &mut EngineReport) {
        let before = std::mem::replace(&mut self.state, state);
        match state {
            WindowState::Ahead => {}
            WindowState::Open => {
                self.cpu_at_start.get_or_insert_with(thread_cpu_nanos);
                report.record_loop_gap(wake.gap);
                report.clock_steps += u64::from(wake.clock_stepped);
            }
            WindowState::Closed(end) => {
                if !matches!(before, WindowState::Closed(_)) {
                    let after = wake.now.nanos_since(end).max(0).unsigned_abs();
                    record_rest(wake.gap.saturating_sub(after), report);
                }
                if self.cpu_at_start.is_some() {
                    self.cpu_at_end.get_or_insert_with(thread_cpu_nanos);
                }
            }
        }
    }

    /// Whether the window is open, as of this turn.
    pub(super) fn is_open(&self) -> bool {
        self.state == WindowState::Open
    }

    /// Processor time used in the window.
    pub(super) fn window_cpu(&self) -> Option<u64> {
        let end = self.cpu_at_end.unwrap_or_else(thread_cpu_nanos);
        u64::try_from(end - self.cpu_at_start?).ok()
    }
}

/// Nobody looked from here to the window's end, and the turn ended after it.
fn record_rest(gap: u64, report: &mut EngineReport) {
    if gap > 0 {
        report.record_loop_gap(gap);
    }
}

#[cfg(test)]
mod tests {
    use hpcbench_stats::StampSource;

    use super::*;

    const END: WindowState = WindowState::Closed(Monotonic(1_000));

    /// The gaps of turns that ended then, after nobody had looked for so long.
    fn gaps(turns: &[(i64, u64, WindowState)]) -> (u64, Option<u64>) {
        let mut report = EngineReport::new("n1", 0, StampSource::Kernel);
        let mut meter = WindowMeter::default();
        for (now, gap, state) in turns {
            let wake = Wake {
                now: Monotonic(*now),
                gap: *gap,
                clock_stepped: false,
            };
            meter.turn(wake, *state, &mut report);
        }
        (report.loop_gaps.count(), report.loop_gaps.max())
    }

    #[test]
    fn a_gap_across_the_windows_end_counts_up_to_it() {
        use WindowState::{Ahead, Open};
        assert_eq!(gaps(&[(10, 9, Ahead), (500, 40, Open)]), (1, Some(40)));
        let across = [(500, 40, Open), (1_300, 700, END), (1_900, 500, END)];
        assert_eq!(gaps(&across), (2, Some(400)));
        // The thread slept until after the end, as it should.
        assert_eq!(gaps(&[(500, 40, Open), (1_300, 200, END)]), (1, Some(40)));
        // It slept through all of the window.
        assert_eq!(gaps(&[(10, 9, Ahead), (1_300, 1_290, END)]), (1, Some(990)));
    }
}
