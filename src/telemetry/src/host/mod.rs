//! The node, from `/proc`.
//!
//! Counters stand as the kernel has them (bytes since boot, CPU seconds since the process began); shares of CPU time are those
//! since the sample before.

mod cpu;
mod memory;
mod network;
mod process;
mod sampler;

#[cfg(test)]
mod tests;

pub use sampler::HostSampler;
