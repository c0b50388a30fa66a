//! What it takes to fold, verify and tell a large log.
//!
//! `cargo bench -p hpcbench-report [-- EVENTS]`; a million events without a number. The log is as a run would write it
//! whose trials are interrupted and attempted again for a very long time ([`log`]). The directory is `HPCBENCH_BENCH_DIR`, else the build's own temporary one.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod log;
#[path = "../../src/testing/plan.rs"]
mod plan;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use hpcbench_core::upcast;
use hpcbench_journal::{DirStorage, verify_log};
use hpcbench_report::{RunView, Timeline, Until, history, why};

const EVENTS: u64 = 1_000_000;
/// How long that many events may take to be folded or verified, and the most memory that may take.
const SECONDS: f64 = 3.0;
const MEMORY_MB: u64 = 100;
/// What a machine that others use may be slower.
const SLACK: f64 = 3.0;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let events = arguments
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(EVENTS);
    let root = std::env::var_os("HPCBENCH_BENCH_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let dir = tempfile::tempdir_in(root).unwrap();
    let plan = plan::plan("{matrix: {workload.load.concurrency: [20, 40, 80]}}");
    log::write(dir.path(), &plan, events, true);
    memory("the log is written");

    timed("read", || {
        history(dir.path(), Until::End)
            .unwrap()
            .map(Result::unwrap)
            .count()
    });
    memory("read");
    timed("upcast", || {
        let entries = history(dir.path(), Until::End).unwrap().map(Result::unwrap);
        entries
            .map(|entry| upcast(entry.event))
            .filter(|event| event.seq.0 > 0)
            .count()
    });
    let (state, folding) = timed("state", || RunView::load(dir.path()).unwrap().state);
    assert_eq!(state.anomaly_count, 0, "{:?}", state.anomalies.first());
    println!(
        "the state has {} bytes of JSON",
        serde_json::to_vec(&state).unwrap().len()
    );
    memory("folded");
    // The files beside it are not there.
    let (report, verifying) = timed("verify", || {
        verify_log(Arc::new(DirStorage::new(dir.path()))).unwrap()
    });
    assert!(report.ok, "{:?}", report.problems.first());
    let peak = memory("verified");
    timed("why", || {
        why(dir.path(), state.seq).unwrap().map(Result::unwrap).count()
    });
    memory("asked why");
    timed("timeline", || {
        let mut timeline = Timeline::new(&plan);
        for entry in history(dir.path(), Until::End).unwrap() {
            timeline.take(&upcast(entry.unwrap().event));
        }
        timeline.render(hpcbench_report::Style::PLAIN).len()
    });
    memory("told as a timeline");
    println!("wanted for a million events: state and verify {SECONDS} s each, {MEMORY_MB} MB");
    if events <= EVENTS {
        let longest = folding.max(verifying);
        assert!(longest < SLACK * SECONDS, "{longest:.2} s are far too many");
        assert!(
            peak.is_none_or(|peak| peak < MEMORY_MB),
            "memory grows with the log"
        );
    }
}

/// What it comes to, and how many seconds it took.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> (T, f64) {
    let (begin, busy) = (Instant::now(), busy_seconds());
    let result = work();
    let (took, busy) = (begin.elapsed().as_secs_f64(), busy_seconds() - busy);
    println!("{what:10} {took:6.2} s, of which {busy:6.2} s on a processor");
    (result, took)
}

/// How long this thread has been on a processor: what counts on a machine that others use.
fn busy_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

/// The process's peak so far in MB, as the kernel tells it.
fn memory(after: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    let peak = kibibytes * 1024 / 1_000_000;
    println!("peak memory {peak} MB ({after})");
    Some(peak)
}
