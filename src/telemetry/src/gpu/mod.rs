//! GPUs, through NVIDIA's management library.
//!
//! The library belongs to the driver and is opened when GPUs are looked for: a node without it is a node without GPUs.
//! Profiling counters are left alone: the cluster's own exporter may use them.

mod nvml;
mod reading;
mod throttle;

#[cfg(test)]
mod tests;

pub use nvml::{GpuAbsent, Gpus};
pub use reading::GpuReading;
pub use throttle::{Throttle, ThrottleClock};
