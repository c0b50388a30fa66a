//! What scripts rely on: commands, exit codes, and what goes to which stream.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod help;
mod recipes;
mod refusals;
mod verify;
mod watch;
