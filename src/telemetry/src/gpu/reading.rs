//! One look at one GPU.

use super::Throttle;
use crate::{Sample, Source};

/// What a GPU shows at one moment; `None` where it does not.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GpuReading {
    /// Its index on the node.
    pub index: u32,
    /// Share of the time in which it computed, from 0 to 1.
    pub busy_share: Option<f64>,
    /// Memory in use, bytes.
    pub memory_used_bytes: Option<u64>,
    /// Memory in all, bytes.
    pub memory_total_bytes: Option<u64>,
    /// Temperature of the die, degrees Celsius.
    pub temperature_c: Option<u32>,
    /// Power, milliwatts; none where the GPU is divided among several users.
    pub power_mw: Option<u32>,
    /// Energy since the driver was loaded, millijoules; none where the GPU is divided.
    pub energy_mj: Option<u64>,
    /// Clock of the multiprocessors, MHz.
    pub sm_clock_mhz: Option<u32>,
    /// Clock of the memory, MHz.
    pub memory_clock_mhz: Option<u32>,
    /// Why its clock is held down.
    pub throttle: Option<Throttle>,
    /// Memory errors since the driver was loaded that could not be corrected.
    pub ecc_uncorrected: Option<u64>,
}

impl GpuReading {
    /// The reading as samples.
    pub fn samples(&self, at_ns: i64) -> impl Iterator<Item = Sample> {
        let values = [
            ("busy_share", self.busy_share),
            ("memory_used_bytes", self.memory_used_bytes.map(|n| n as f64)),
            ("memory_total_bytes", self.memory_total_bytes.map(|n| n as f64)),
            ("temperature_celsius", self.temperature_c.map(f64::from)),
            ("power_watts", self.power_mw.map(|mw| f64::from(mw) / 1e3)),
            ("energy_joules", self.energy_mj.map(|mj| mj as f64 / 1e3)),
            ("sm_clock_mhz", self.sm_clock_mhz.map(f64::from)),
            ("memory_clock_mhz", self.memory_clock_mhz.map(f64::from)),
            ("ecc_uncorrected", self.ecc_uncorrected.map(|n| n as f64)),
        ];
        let reasons = self.throttle.into_iter().flat_map(Throttle::named);
        let reasons = reasons.map(|(name, holds)| (name, Some(f64::from(u8::from(holds)))));
        let instance = self.index.to_string();
        values
            .into_iter()
            .chain(reasons)
            .filter_map(move |(metric, value)| {
                Sample::new(at_ns, Source::Gpu, instance.as_str(), metric, value?)
            })
    }
}
