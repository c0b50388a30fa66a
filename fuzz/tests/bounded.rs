//! All targets over their seeds and over inputs made from them, for a bounded time.
//!
//! `HPCBENCH_FUZZ_SECONDS` sets the time per target, `HPCBENCH_FUZZ_SEED` the inputs. An input that makes a target panic
//! is written beside the build, and its path is told.

#![expect(clippy::expect_used, reason = "helpers of tests fail the test")]

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hpcbench_fuzz::{Mutator, TARGETS, seeds};

/// Time for a target, unless the environment says otherwise.
const DEFAULT_SECONDS: u64 = 2;

/// Inputs of a target at most, so that a short run is the same everywhere.
const INPUTS_PER_SECOND: u64 = 20_000;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn read_seeds(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(seeds(target))
        .expect("each target has a folder of seeds")
        .map(|entry| entry.expect("a folder can be listed").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("a seed can be read"))
        .collect()
}

fn run(name: &str, target: fn(&[u8]), input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.crash"));
        fs::write(&path, input).expect("a file can be written");
        panic!("{name} panicked; the input is in {}", path.display());
    }
}

#[test]
fn every_target_survives() {
    let seconds = number("HPCBENCH_FUZZ_SECONDS", DEFAULT_SECONDS);
    let seed = number("HPCBENCH_FUZZ_SEED", 1);
    for (name, target) in TARGETS {
        let seeds = read_seeds(name);
        assert!(!seeds.is_empty(), "{name} has no seed");
        for seed in &seeds {
            run(name, *target, seed);
        }
        let mut mutator = Mutator::new(seed);
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut inputs = 0;
        while Instant::now() < until && inputs < seconds * INPUTS_PER_SECOND {
            run(name, *target, &mutator.input(&seeds));
            inputs += 1;
        }
        println!("{name}: {inputs} inputs");
    }
}
