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
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU64, Ordering};

use hpcbench_load::{Dialect, Shape, Start, prepare};

const REQUESTS: u64 = 200;
const SHORT: usize = 20;
const LONG: usize = 1_020;

/// How often the buffers of a text that is kept may grow.
const GROWTHS: u64 = 20;

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

/// A load whose answers are looked at in some way.
#[derive(Debug, Clone, Copy)]
struct Kind {
    dialect: Dialect,
    keep_text: bool,
    turns: u16,
}

/// Allocations of a load, server and writer included.
fn allocations(kind: Kind, tokens: usize) -> u64 {
    let scratch = tempfile::tempdir().unwrap();
    let server = null::start(kind.dialect, tokens);
    let mut spec = load::spec(server, scratch.path(), REQUESTS, tokens as u32);
    spec.dialect = kind.dialect;
    spec.keep_text = kind.keep_text;
    if let Shape::Closed { turns, .. } = &mut spec.shape {
        *turns = NonZeroU16::new(kind.turns).unwrap();
    }
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
    let chunks = REQUESTS * (LONG - SHORT) as u64;
    for (dialect, keep_text, turns) in [
        (Dialect::Chat, false, 1),
        (Dialect::Chat, true, 1),
        (Dialect::Chat, false, 2),
        (Dialect::Generate, false, 1),
        (Dialect::Generate, true, 1),
    ] {
        let kind = Kind {
            dialect,
            keep_text,
            turns,
        };
        let (short, long) = (allocations(kind, SHORT), allocations(kind, LONG));
        let more = long.saturating_sub(short);
        println!("{kind:?}: {short} allocations with {SHORT} tokens an answer, {long} with {LONG}");
        // Buffers that grow to the size of longer records do so a few times, and those of texts for each of them.
        let texts = keep_text || turns > 1;
        let growing = if texts { REQUESTS * GROWTHS } else { 0 };
        assert!(
            more < chunks / 100 + growing,
            "{kind:?}: {more} more allocations for {chunks} more chunks"
        );
    }
}
