//! From a report's arrival to its event synced and published, against the raw disk, in the same run and the same directory.
//!
//! `cargo bench -p hpcbench-actors --bench published [-- SECONDS]`, with nats-server on the `PATH` or named by
//! `HPCBENCH_NATS_SERVER`. The directory is `HPCBENCH_BENCH_DIR`, else the build's own temporary one: it should be on the
//! disk that runs are written to. Only figures of a machine that does nothing else mean something.
//!
//! Three things take turns: the raw disk; the barest program that could do the same ([`floor`]); and the orchestrator's
//! way ([`way`]). Then they do so again on slower disks ([`slowed`]), on the slowest of which the goal has to be reached: a 99th
//! percentile under twice the disk's own.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[expect(dead_code, reason = "its tests are compiled here too and do not run")]
#[path = "../../src/orchestrator/publisher.rs"]
mod publisher;
#[expect(dead_code, reason = "the benchmark uses a part")]
#[path = "../../src/orchestrator/bus/slot.rs"]
mod slot;
mod bus {
    pub(super) use crate::slot::BusSlot;
}
mod floor;
mod server;
mod slowed;
mod way;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use server::{NODES, Server};
use way::Times;

const ROUNDS: usize = 5;
/// What takes turns in a round: the raw disk, the floor, one node, all nodes.
const TURNS: usize = 4;
/// From a report to its published event, × the disk's own 99th percentile.
const GOAL: f64 = 2.0;
/// Bytes of an event's data, which a report of such a length leads to.
const DATA: &str =
    r#"{"trial":"0123456789ab-r1","attempt":1,"parameters":{"workload.load.concurrency":100}}"#;
/// A line of the length of an event's with it.
const LINE: [u8; 420] = [b'x'; 420];

fn main() {
    let argument = std::env::args().find(|argument| argument.parse::<f64>().is_ok());
    let seconds = argument.as_deref().map_or(20.0, |text| text.parse().unwrap());
    let root = std::env::var_os("HPCBENCH_BENCH_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let turn = Duration::from_secs_f64(seconds / (TURNS * ROUNDS) as f64);
    println!("{}:", slowed::disk());
    let ratio = actix::System::new().block_on(bench(&root, turn));
    if slowed::has_to_reach_the_goal() {
        assert!(
            ratio < GOAL,
            "{ratio:.2} × raw p99 with one node, where {GOAL} are wanted"
        );
    }
    if !slowed::is_slowed() {
        slowed::again(argument.as_deref());
    }
}

/// Prints all figures, and returns the one that there is a goal for: published with one node, × the raw disk's 99th percentile.
async fn bench(root: &Path, turn: Duration) -> f64 {
    let server = Server::start(root).await;
    let mut raw = Vec::new();
    let (mut floor, mut one, mut many) = (Times::default(), Times::default(), Times::default());
    for _ in 0..ROUNDS {
        raw.extend(raw_times(root, turn));
        floor.add(floor::times(&server, root, turn).await);
        one.add(way::times(&server, root, 1, turn).await);
        many.add(way::times(&server, root, NODES, turn).await);
    }
    let raw = Latencies::of(raw);
    println!("raw write + fdatasync: {raw}");
    let tell = |name: &str, times: Times| {
        let [_synced, published] =
            [("synced", times.synced), ("published", times.published)].map(|(until, times)| {
                let latencies = Latencies::of(times);
                let ratio = latencies.p99.as_secs_f64() / raw.p99.as_secs_f64();
                println!("{name}, {until}: {latencies} = {ratio:.2} × raw p99");
                ratio
            });
        published
    };
    tell("the barest program", floor);
    let one = tell("one node", one);
    tell("eight nodes at once", many);
    one
}

/// The middle and the slow end of some durations.
struct Latencies {
    count: usize,
    p50: Duration,
    p99: Duration,
}

impl Latencies {
    fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize];
        Self {
            count: all.len(),
            p50: at(0.5),
            p99: at(0.99),
        }
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:6} times, p50 {:.3?}, p99 {:.3?}",
            self.count, self.p50, self.p99
        )
    }
}

/// Appends lines to a file, each synced.
fn raw_times(root: &Path, turn: Duration) -> Vec<Duration> {
    let dir = tempfile::tempdir_in(root).unwrap();
    let mut file = appended(dir.path());
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed() < turn {
        let start = Instant::now();
        file.write_all(&LINE).unwrap();
        file.sync_data().unwrap();
        times.push(start.elapsed());
    }
    times
}

fn appended(dir: &Path) -> File {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    options.open(dir.join("raw")).unwrap()
}
