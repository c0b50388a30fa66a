//! Nothing is allocated for a chunk: longer answers cost no more allocations than short ones.
//!
//! The only test of its process, as allocations are counted for all threads.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]
#![expect(
    unsafe_code,
    reason = "an allocator cannot be written without it; this one only counts and passes on"
)]

#[path = "endurance/load.rs"]
mod load;
#[path = "endurance/null.rs"]
mod null;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use hpcbench_load::{Start, prepare};

const REQUESTS: u64 = 200;
const SHORT: usize = 20;
const LONG: usize = 1_020;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of a load, server and writer included.
fn allocations(tokens: usize) -> u64 {
    let scratch = tempfile::tempdir().unwrap();
    let spec = load::spec(null::start(tokens), scratch.path(), REQUESTS, tokens as u32);
    let prepared = prepare(spec, &[]).unwrap();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let outcome = prepared.start(Start::Now).unwrap().join().unwrap();
    let after = ALLOCATIONS.load(Ordering::Relaxed);
    assert_eq!(
        outcome.files.iter().map(|file| file.records).sum::<u64>(),
        REQUESTS
    );
    after - before
}

#[test]
fn nothing_is_allocated_for_a_chunk() {
    let (short, long) = (allocations(SHORT), allocations(LONG));
    let chunks = REQUESTS * (LONG - SHORT) as u64;
    let more = long.saturating_sub(short);
    println!("{short} allocations with {SHORT} tokens an answer, {long} with {LONG}");
    // Buffers that grow to the size of longer records do so a few times.
    assert!(
        more * 100 < chunks,
        "{more} more allocations for {chunks} more chunks"
    );
}
