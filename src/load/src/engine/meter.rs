//! What a thread knows about itself, for the verdict.

use hpcbench_stats::EngineReport;
use hpcbench_timing::thread_cpu_nanos;

use super::poller::Wake;

/// Counts loop gaps and processor time while the window is open.
#[derive(Debug, Default)]
pub(super) struct WindowMeter {
    cpu_at_start: Option<i64>,
    cpu_at_end: Option<i64>,
    open: bool,
}

impl WindowMeter {
    /// Takes note of one turn of the loop; `open` says whether it ended in the window.
    pub(super) fn turn(&mut self, wake: Wake, open: bool, report: &mut EngineReport) {
        self.open = open;
        if open {
            self.cpu_at_start.get_or_insert_with(thread_cpu_nanos);
            report.record_loop_gap(wake.gap);
            report.clock_steps += u64::from(wake.clock_stepped);
        } else if self.cpu_at_start.is_some() {
            self.cpu_at_end.get_or_insert_with(thread_cpu_nanos);
        }
    }

    /// Whether the window is open, as of this turn.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Processor time used in the window.
    pub(super) fn window_cpu(&self) -> Option<u64> {
        let end = self.cpu_at_end.unwrap_or_else(thread_cpu_nanos);
        u64::try_from(end - self.cpu_at_start?).ok()
    }
}
