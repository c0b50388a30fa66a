//! What scripts rely on: commands, exit codes, and what goes to which stream.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod doctor;
mod help;
mod history;
mod hostile;
mod init;
mod interactive;
mod large_log;
mod migrate;
mod nats;
mod pty;
mod recipes;
mod refusals;
mod replay;
mod report;
mod verify;
mod watch;
mod why;
