//! The journal from the outside: histories, damage, failing disks, whole run directories.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod damage;
mod faults;
mod history;
mod verify;
