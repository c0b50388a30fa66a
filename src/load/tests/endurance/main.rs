//! Long and fast loads on a server that answers at once. What takes minutes, or needs a machine of its own, is ignored:
//! `cargo test --release -p hpcbench-load --test endurance -- --ignored --nocapture`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod disk;
mod load;
mod memory;
mod null;
mod schedule;
