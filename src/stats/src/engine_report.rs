//! What the load engine says about itself, besides the records.

use std::collections::BTreeSet;

use hpcbench_records::StampSource;
use serde::{Deserialize, Serialize};

use crate::{Distribution, Window};

/// Loop gaps longer than this are time in which the client was blind.
pub const LONG_LOOP_GAP_NS: u64 = 10_000_000;

/// The load engine's account of one trial. Each engine thread fills one of its own; they merge into one a client, and
/// the clients' into one a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineReport {
    /// The engine threads.
    pub threads: Vec<EngineThread>,
    /// Where arrival times come from.
    pub stamps: StampSource,
    /// Reads that returned data.
    pub reads: u64,
    /// Of these, reads that came without a kernel stamp although stamps were on, or with one that a step of the clock had made
    /// worthless.
    pub stamps_missing: u64,
    /// Of these, reads whose stamp lay outside [sent, read time].
    pub stamps_rejected: u64,
    /// Jumps of the real-time clock against the monotonic one, as each thread saw them.
    pub clock_steps: u64,
    /// How late the reads were that completed an answer without a stream, which has no event to tell it. Reports of earlier
    /// versions have none.
    #[serde(default, skip_serializing_if = "Distribution::is_empty")]
    pub document_lag: Distribution,
    /// Times between two polls of an engine thread that ended in the window, and what lies before the window's end of the one
    /// that ended after it.
    pub loop_gaps: Distribution,
    /// Sent − intended of the requests for which a connection was free; dispatch − intended of those that had to connect,
    /// which the server has a part in.
    pub lateness: Distribution,
    /// Requests that the schedule asked for in the window.
    pub arrivals: u64,
    /// Of these, requests that had to wait because `max_in_flight` was reached.
    pub arrivals_queued: u64,
    /// Most requests that waited at once.
    pub peak_queue: u64,
    /// Endpoints whose servers closed connections that were to be used again, so that requests got fresh ones.
    #[serde(default)]
    pub closing_endpoints: BTreeSet<u16>,
}

/// One engine thread's share of the work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineThread {
    /// Token of the client's node.
    pub node: String,
    /// Index of the thread in the client.
    pub thread: u16,
    /// CPU time / elapsed time over the window, from 0 to 1; `None` where the system does not tell.
    pub cpu_share: Option<f64>,
    /// Time in the window spent in loop gaps longer than [`LONG_LOOP_GAP_NS`], nanoseconds.
    pub long_gaps_ns: u64,
    /// The window as this thread had it; `None` before it has ended.
    pub window: Option<Window>,
    /// Σ over requests of the time in flight (sent to end) within the window by the thread's own count, which no record
    /// enters, nanoseconds. `None` where the window was cut short, and from clients of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_ns: Option<u64>,
    /// The processor cores it may run on were kept from sleeping.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept_awake: bool,
}

impl EngineReport {
    /// The report of a thread that has not begun.
    pub fn new(node: impl Into<String>, thread: u16, stamps: StampSource) -> Self {
        let thread = EngineThread {
            node: node.into(),
            thread,
            cpu_share: None,
            long_gaps_ns: 0,
            window: None,
            in_flight_ns: None,
            kept_awake: false,
        };
        Self {
            threads: vec![thread],
            ..Self::empty(stamps)
        }
    }

    /// A report of no thread at all, to merge others into.
    pub fn empty(stamps: StampSource) -> Self {
        Self {
            threads: Vec::new(),
            stamps,
            reads: 0,
            stamps_missing: 0,
            stamps_rejected: 0,
            clock_steps: 0,
            document_lag: Distribution::new(),
            loop_gaps: Distribution::new(),
            lateness: Distribution::new(),
            arrivals: 0,
            arrivals_queued: 0,
            peak_queue: 0,
            closing_endpoints: BTreeSet::new(),
        }
    }

    /// Adds the time between two polls of this report's own thread.
    pub fn record_loop_gap(&mut self, nanoseconds: u64) {
        self.loop_gaps.record(nanoseconds);
        if nanoseconds > LONG_LOOP_GAP_NS
            && let Some(thread) = self.threads.first_mut()
        {
            thread.long_gaps_ns += nanoseconds;
        }
    }

    /// States the window and the CPU time that this report's own thread used in it.
    pub fn finish(&mut self, window: Window, cpu_ns: Option<u64>) {
        if let Some(thread) = self.threads.first_mut() {
            thread.window = Some(window);
            let elapsed = window.nanoseconds();
            thread.cpu_share = cpu_ns
                .filter(|_| elapsed > 0)
                .map(|cpu| cpu as f64 / elapsed as f64);
        }
    }

    /// States whether the cores of this report's own thread are kept awake.
    #[must_use]
    pub fn with_cores_awake(mut self, kept_awake: bool) -> Self {
        if let Some(thread) = self.threads.first_mut() {
            thread.kept_awake = kept_awake;
        }
        self
    }

    /// States for how long requests were in flight in the window by the count of this report's own thread.
    pub fn count_in_flight(&mut self, nanoseconds: Option<u64>) {
        if let Some(thread) = self.threads.first_mut() {
            thread.in_flight_ns = nanoseconds;
        }
    }

    /// Mean number of requests in flight in the windows by the threads' own counts; `None` unless all of them say.
    pub fn mean_in_flight(&self) -> Option<f64> {
        let of_thread = |thread: &EngineThread| {
            let elapsed = thread.window?.nanoseconds();
            let in_flight = thread.in_flight_ns? as f64;
            (elapsed > 0).then(|| in_flight / elapsed as f64)
        };
        let threads = Some(&self.threads).filter(|threads| !threads.is_empty())?;
        threads.iter().map(of_thread).sum()
    }

    /// The window that all threads' windows make together; for the report of one client, whose threads share a clock.
    pub fn window(&self) -> Option<Window> {
        let windows = self.threads.iter().filter_map(|thread| thread.window);
        windows.reduce(Window::union)
    }

    /// Adds what another thread or another client reports. Queues are apart, so their peaks add up to an upper bound.
    pub fn merge(&mut self, other: &Self) {
        self.threads.extend_from_slice(&other.threads);
        self.threads
            .sort_by(|a, b| (&a.node, a.thread).cmp(&(&b.node, b.thread)));
        self.stamps = self.stamps.max(other.stamps);
        self.reads += other.reads;
        self.stamps_missing += other.stamps_missing;
        self.stamps_rejected += other.stamps_rejected;
        self.clock_steps += other.clock_steps;
        self.document_lag.merge(&other.document_lag);
        self.loop_gaps.merge(&other.loop_gaps);
        self.lateness.merge(&other.lateness);
        self.arrivals += other.arrivals;
        self.arrivals_queued += other.arrivals_queued;
        self.peak_queue += other.peak_queue;
        self.closing_endpoints.extend(&other.closing_endpoints);
    }

    /// Whether all cores that made the load were kept awake.
    pub fn kept_awake(&self) -> bool {
        self.threads.iter().all(|thread| thread.kept_awake)
    }

    /// The largest CPU share of a thread.
    pub fn busiest_cpu_share(&self) -> Option<f64> {
        self.threads
            .iter()
            .filter_map(|thread| thread.cpu_share)
            .max_by(f64::total_cmp)
    }

    /// The largest share of its window that a thread spent in long loop gaps; `None` before any window ended.
    pub fn worst_long_gap_share(&self) -> Option<f64> {
        let shares = self.threads.iter().filter_map(|thread| {
            let elapsed = thread
                .window
                .map(|window| window.nanoseconds())
                .filter(|&elapsed| elapsed > 0)?;
            Some(thread.long_gaps_ns as f64 / elapsed as f64)
        });
        shares.max_by(f64::total_cmp)
    }
}
