//! The run's state machine in a simulated world: whole runs, under every kind of bad luck.
#![expect(
    clippy::unwrap_used,
    reason = "where the world itself is wrong, the test has to fail"
)]

mod cancelling;
mod format;
mod jobs;
mod keeping;
mod losses;
mod properties;
mod scaling;
mod scenarios;
mod searching;
mod spanning;
mod suspension;
mod world;
