//! What nodes and services say of themselves while they are measured.
//!
//! ```text
//! /proc ─► host ──┐
//! NVML  ─► gpu ───┼─► Sample ─► blocks (scratch) ─► table (Parquet, at the end)
//! /metrics text ─► prometheus ─► service ─┘
//!                                   └─► Reading ─► the difference of two, of one attempt
//! ```
//!
//! Everything is sampled by the node's own monotonic clock. Whoever samples decides when; nothing here waits.

pub mod blocks;
pub mod clock;
pub mod gpu;
pub mod host;
pub mod prometheus;
mod sample;
pub mod service;
mod table;

pub use sample::{Sample, Source};
pub use table::{TableOf, TelemetryError, write_table};
