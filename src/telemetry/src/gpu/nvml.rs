//! NVIDIA's management library.

use std::ffi::OsStr;

use nvml_wrapper::enum_wrappers::device::{Clock, EccCounter, MemoryError, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use super::{GpuReading, Throttle};

/// The library's name in every version of the driver; the name without a number comes with the development files only.
const LIBRARY: &str = "libnvidia-ml.so.1";
/// Most GPUs that are looked at.
const MAX_GPUS: u32 = 64;

/// There are no GPUs that could be looked at.
#[derive(Debug, thiserror::Error)]
pub enum GpuAbsent {
    /// The driver's library cannot be used.
    #[error("no GPU: {LIBRARY} of the NVIDIA driver cannot be used ({0})")]
    Library(NvmlError),
    /// There are none.
    #[error("no GPU: the NVIDIA driver knows of none")]
    None,
}

/// The GPUs of the node.
pub struct Gpus {
    nvml: Nvml,
    count: u32,
    divided: Vec<bool>,
}

impl Gpus {
    /// Looks for the GPUs of the node.
    pub fn open() -> Result<Self, GpuAbsent> {
        let nvml = Nvml::builder().lib_path(OsStr::new(LIBRARY)).init();
        let nvml = nvml.map_err(GpuAbsent::Library)?;
        let count = nvml.device_count().map_err(GpuAbsent::Library)?.min(MAX_GPUS);
        if count == 0 {
            return Err(GpuAbsent::None);
        }
        let divided = (0..count)
            .map(|index| nvml.device_by_index(index).is_ok_and(|gpu| is_divided(&gpu)))
            .collect();
        Ok(Self { nvml, count, divided })
    }

    /// How many there are.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// What they are called, and the driver's version.
    pub fn describe(&self) -> String {
        let name = |index| self.nvml.device_by_index(index).and_then(|gpu| gpu.name());
        let names: Vec<String> = (0..self.count).filter_map(|index| name(index).ok()).collect();
        let driver = self.nvml.sys_driver_version();
        format!(
            "{}; driver {}",
            names.join(", "),
            driver.as_deref().unwrap_or("unknown")
        )
    }

    /// The GPUs of which power and energy are not known, for they are divided among several users.
    pub fn divided(&self) -> impl Iterator<Item = u32> {
        (0..)
            .zip(&self.divided)
            .filter(|(_, divided)| **divided)
            .map(|(index, _)| index)
    }

    /// A look at each of them; one that does not answer is left out.
    pub fn read(&self) -> impl Iterator<Item = GpuReading> {
        (0..).zip(&self.divided).filter_map(|(index, divided)| {
            let gpu = self.nvml.device_by_index(index).ok()?;
            Some(look(index, &gpu, *divided))
        })
    }
}

/// Whether it is divided into instances (MIG): its power is then that of all users together.
fn is_divided(gpu: &Device<'_>) -> bool {
    gpu.mig_mode().is_ok_and(|mode| mode.current != 0)
}

fn look(index: u32, gpu: &Device<'_>, divided: bool) -> GpuReading {
    let memory = gpu.memory_info().ok();
    GpuReading {
        index,
        busy_share: gpu
            .utilization_rates()
            .ok()
            .map(|rates| f64::from(rates.gpu) / 100.0),
        memory_used_bytes: memory.as_ref().map(|memory| memory.used),
        memory_total_bytes: memory.as_ref().map(|memory| memory.total),
        temperature_c: gpu.temperature(TemperatureSensor::Gpu).ok(),
        power_mw: gpu.power_usage().ok().filter(|_| !divided),
        energy_mj: gpu.total_energy_consumption().ok().filter(|_| !divided),
        sm_clock_mhz: gpu.clock_info(Clock::SM).ok(),
        memory_clock_mhz: gpu.clock_info(Clock::Memory).ok(),
        throttle: gpu
            .current_throttle_reasons()
            .ok()
            .map(|reasons| Throttle(reasons.bits())),
        ecc_uncorrected: gpu
            .total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile)
            .ok(),
    }
}
