//! Memory does not grow with the number of requests.

use std::fs;
use std::time::Duration;

use hpcbench_load::{Dialect, Start, prepare};
use hpcbench_records::{BlockReader, Status};

use crate::load::spec;
use crate::null;

/// What the allocator and the kernel may keep besides, bytes. A record takes more than 400, and is in memory only until
/// it is written.
const SLACK: u64 = 12 * 1024 * 1024;

/// Runs so many requests and compares the memory after a fifth of them with that at the end, which it returns.
fn run(requests: u64) -> u64 {
    let scratch = tempfile::tempdir().unwrap();
    let running = prepare(
        spec(null::start(Dialect::Chat, 2), scratch.path(), requests, 2),
        &[],
    )
    .unwrap()
    .start(Start::Now)
    .unwrap();
    let mut early = None;
    let mut late = 0;
    while !running.is_finished() {
        std::thread::sleep(Duration::from_millis(10));
        let progress = running.progress();
        late = resident();
        if early.is_none() && progress.ok >= requests / 5 {
            early = Some(late);
        }
    }
    let outcome = running.join().unwrap();
    let early = early.unwrap();
    let on_disk: u64 = outcome.files.iter().map(|file| file.bytes).sum();
    println!(
        "{requests} requests: {early} bytes of memory after a fifth of them, {late} at the end; {on_disk} on the disk"
    );
    assert!(late < early + SLACK, "memory grew from {early} to {late}");
    let mut seen = 0;
    for file in &outcome.files {
        for record in BlockReader::open(&file.path).unwrap() {
            assert_eq!(record.unwrap().status, Status::Ok);
            seen += 1;
        }
    }
    assert_eq!(seen, requests);
    late
}

/// Memory of this process, bytes.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}

#[test]
fn memory_is_flat_over_forty_thousand_requests() {
    run(40_000);
}

#[test]
#[ignore = "takes minutes"]
fn memory_is_flat_over_a_million_requests() {
    let few = run(40_000);
    let many = run(1_000_000);
    assert!(many < few + SLACK, "memory grew from {few} to {many}");
}
