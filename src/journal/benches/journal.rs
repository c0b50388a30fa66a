//! The journal against the raw disk, in the same run and the same directory.
//!
//! `cargo bench -p hpcbench-journal [-- SECONDS]`. The directory is `HPCBENCH_BENCH_DIR`, else the build's own temporary one.
//! Raw figure and journal take turns, since the rate of a disk that others use drifts.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use hpcbench_core::event::Draft;
use hpcbench_core::{Epoch, Seq, Timestamp};
use hpcbench_journal::{DirStorage, Journal, OnSync, Opening, SyncOutcome, read, verify};
use serde_json::Map;
use serde_json::value::RawValue;

const ROUNDS: usize = 5;
const WRITERS: usize = 64;
const EVENTS: usize = 1_000_000;
/// How long a million events may take to be verified, and how much memory they may take to be written and read.
const VERIFY_SECONDS: f64 = 3.0;
const MEMORY_MB: u64 = 100;
/// What a machine that others use may be slower.
const SLACK: f64 = 3.0;
/// Events that are appended at once while the large log is written.
const CHUNK: usize = 10_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds = arguments
        .iter()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(10.0);
    let root = std::env::var_os("HPCBENCH_BENCH_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let turn = Duration::from_secs_f64(seconds / (5 * ROUNDS) as f64);

    let (mut raw, mut chained, mut alone, mut together, mut threads) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        raw.push(raw_rate(&root, turn));
        chained.push(chained_rate(&root, turn));
        alone.push(journal_rate(&root, 1, turn));
        together.push(journal_rate(&root, WRITERS, turn));
        threads.push(threads_rate(&root, WRITERS, turn));
    }
    let raw = Latencies::of(raw);
    println!("raw write + fdatasync            {raw}");
    let told = |name: &str, turns, wanted: &str| {
        let journal = Latencies::of(turns);
        println!(
            "{name:<32} {journal} = {:.2} × raw{wanted}",
            journal.rate / raw.rate
        );
    };
    told("one at a time, as it is told", chained, " (wanted: 0.85)");
    told(
        "one at a time, from a thread",
        alone,
        ", with two thread switches each",
    );
    told("64 writers, played by a thread", together, " (wanted: 20)");
    told("64 writers, a thread each", threads, " (wanted: 20)");
    large_log(&root);
}

/// A rate, and how long each took.
struct Latencies {
    rate: f64,
    p50: Duration,
    p99: Duration,
}

impl Latencies {
    /// Of all turns together.
    fn of(turns: Vec<(Duration, Vec<Duration>)>) -> Self {
        let time: Duration = turns.iter().map(|(time, _)| *time).sum();
        let mut all: Vec<_> = turns.into_iter().flat_map(|(_, latencies)| latencies).collect();
        all.sort_unstable();
        let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize];
        Self {
            rate: all.len() as f64 / time.as_secs_f64(),
            p50: at(0.5),
            p99: at(0.99),
        }
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:9.0}/s, p50 {:.3?}, p99 {:.3?}",
            self.rate, self.p50, self.p99
        )
    }
}

fn draft(number: usize) -> Draft {
    let data = format!(
        r#"{{"trial":"0123456789ab-r1","attempt":1,"number":{number},"parameters":{{"workload.load.concurrency":100}}}}"#
    );
    Draft {
        at: Timestamp::from_micros(1_764_016_496_000_000 + number as i64),
        kind: "trial.started".to_owned(),
        version: 1,
        actor: "orchestrator".to_owned(),
        node: "node-1".parse().unwrap(),
        correlation: "trial/0123456789ab-r1/1".to_owned(),
        causation: Some(Seq(1)),
        data: RawValue::from_string(data).unwrap(),
    }
}

/// Appends lines of an event's length to a file, each synced.
fn raw_rate(root: &Path, turn: Duration) -> (Duration, Vec<Duration>) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(dir.path().join("raw"))
        .unwrap();
    let line = [b'x'; 420];
    let begin = Instant::now();
    let mut latencies = Vec::new();
    while begin.elapsed() < turn {
        let start = Instant::now();
        file.write_all(&line).unwrap();
        file.sync_data().unwrap();
        latencies.push(start.elapsed());
    }
    (begin.elapsed(), latencies)
}

fn open(run_dir: &Path, on_sync: OnSync) -> Journal {
    let opening = Opening {
        node: "node-1".parse().unwrap(),
        actor: "orchestrator".to_owned(),
        correlation: "run".to_owned(),
        data: Map::new(),
        dead_through: Epoch(u32::MAX),
        clock: &|| Timestamp::from_micros(1_764_016_496_000_000),
        wait: &mut |_| {},
        history: &mut drop,
    };
    Journal::open(Arc::new(DirStorage::new(run_dir)), opening, on_sync)
        .unwrap()
        .journal
}

/// Appends the next event when the last one is told to be synced, from where it is told: without the thread
/// switches, what the journal itself costs.
fn chained_rate(root: &Path, turn: Duration) -> (Duration, Vec<Duration>) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let journal: Arc<OnceLock<Mutex<Journal>>> = Arc::default();
    let (send, receive) = channel();
    let begin = Instant::now();
    let on_sync: OnSync = Box::new({
        let journal = Arc::clone(&journal);
        let mut last = begin;
        move |outcome| {
            assert!(matches!(outcome, SyncOutcome::Synced { .. }), "{outcome:?}");
            let _ = send.send(last.elapsed());
            last = Instant::now();
            if begin.elapsed() < turn {
                let mut journal = journal.wait().lock().unwrap();
                journal.append(vec![draft(0)]).unwrap();
            } else {
                let _ = send.send(Duration::MAX);
            }
        }
    });
    let opened = journal.get_or_init(|| Mutex::new(open(dir.path(), on_sync)));
    opened.lock().unwrap().append(vec![draft(0)]).unwrap();
    let mut latencies: Vec<_> = Vec::new();
    std::thread::sleep(turn);
    latencies.extend(receive.iter().take_while(|latency| *latency < Duration::MAX));
    (begin.elapsed(), latencies)
}

/// Lets `writers` append, each its next event when its last one is synced. One thread plays them all, as the
/// orchestrator's does, so that the figure is the journal's and not the scheduler's.
fn journal_rate(root: &Path, writers: usize, turn: Duration) -> (Duration, Vec<Duration>) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let (send, receive) = channel();
    let on_sync: OnSync = Box::new(move |outcome| {
        let SyncOutcome::Synced { entries, .. } = outcome else {
            panic!("{outcome:?}")
        };
        let _ = send.send(entries.len());
    });
    let mut journal = open(dir.path(), on_sync);
    let mut latencies = Vec::new();
    let mut on_their_way = VecDeque::new();
    let begin = Instant::now();
    let mut free = writers;
    while begin.elapsed() < turn {
        for _ in 0..free {
            on_their_way.push_back(Instant::now());
            journal.append(vec![draft(latencies.len())]).unwrap();
        }
        free = receive.recv().unwrap();
        latencies.extend(on_their_way.drain(..free).map(|start| start.elapsed()));
    }
    let time = begin.elapsed();
    journal.close().unwrap();
    (time, latencies)
}

/// How far the log is synced, for threads to wait for.
#[derive(Default)]
struct Durable {
    through: Mutex<u64>,
    changed: Condvar,
}

impl Durable {
    fn wait_for(&self, seq: u64) {
        let through = self.through.lock().unwrap();
        drop(
            self.changed
                .wait_while(through, |through| *through < seq)
                .unwrap(),
        );
    }
}

/// Lets `writers` threads append, each its next event when its last one is synced, as actors on threads of their own
/// would. A batch is told once, to all.
fn threads_rate(root: &Path, writers: usize, turn: Duration) -> (Duration, Vec<Duration>) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let durable = Arc::new(Durable::default());
    let on_sync: OnSync = Box::new({
        let durable = Arc::clone(&durable);
        move |outcome| match outcome {
            SyncOutcome::Synced { through, .. } => {
                *durable.through.lock().unwrap() = through.0;
                durable.changed.notify_all();
            }
            other => panic!("{other:?}"),
        }
    });
    let journal = Mutex::new(open(dir.path(), on_sync));
    let begin = Instant::now();
    let write = || {
        let mut latencies = Vec::new();
        while begin.elapsed() < turn {
            let start = Instant::now();
            let event = draft(latencies.len());
            let appended = journal.lock().unwrap().append(vec![event]).unwrap();
            durable.wait_for(appended[0].event.seq.0);
            latencies.push(start.elapsed());
        }
        latencies
    };
    let latencies = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers).map(|_| scope.spawn(write)).collect();
        let all = threads.into_iter().map(|thread| thread.join().unwrap());
        all.flatten().collect()
    });
    (begin.elapsed(), latencies)
}

/// A log of a million events: written, verified, read.
fn large_log(root: &Path) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let synced = Arc::new(AtomicU64::new(0));
    let on_sync: OnSync = Box::new({
        let synced = Arc::clone(&synced);
        move |outcome| match outcome {
            SyncOutcome::Synced { through, .. } => synced.store(through.0, Ordering::Relaxed),
            other => panic!("{other:?}"),
        }
    });
    let mut journal = open(dir.path(), on_sync);
    let begin = Instant::now();
    for chunk in 0..EVENTS / CHUNK {
        while journal.head().seq.0 - synced.load(Ordering::Relaxed).max(1) > CHUNK as u64 {
            std::thread::yield_now();
        }
        journal
            .append((0..CHUNK).map(|number| draft(chunk * CHUNK + number)).collect())
            .unwrap();
    }
    journal.close().unwrap();
    println!(
        "a million events written  {:9.2} s",
        begin.elapsed().as_secs_f64()
    );

    let begin = Instant::now();
    let report = verify(dir.path()).unwrap();
    assert!(report.ok && report.events == EVENTS as u64 + 1, "{report:?}");
    let seconds = begin.elapsed().as_secs_f64();
    println!("a million events verified {seconds:9.2} s (wanted: {VERIFY_SECONDS})");
    assert!(seconds < SLACK * VERIFY_SECONDS, "verifying is far too slow");

    let begin = Instant::now();
    let bytes: usize = read(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().line.len() + 1)
        .sum();
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "a million events read     {seconds:9.2} s, {} MB",
        bytes / 1_000_000
    );
    if let Some(peak) = peak_memory() {
        println!("peak memory               {peak} MB (wanted: {MEMORY_MB})");
        assert!(peak < MEMORY_MB, "memory grows with the log");
    }
}

/// The process's own, as the kernel tells it, in MB.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024 / 1_000_000)
}
