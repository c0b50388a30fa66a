//! Why a GPU's clock is held down, and for how long.

use std::collections::BTreeMap;

/// Why a GPU's clock is held down: the bits of `nvmlClocksThrottleReasons`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Throttle(pub u64);

/// Reasons by bit, with their names in tables. NVIDIA's management library, `nvml.h`.
const REASONS: [(u64, &str); 6] = [
    (0x02, "throttle_applications_clocks"),
    (0x04, "throttle_sw_power_cap"),
    (0x08, "throttle_hw_slowdown"),
    (0x20, "throttle_sw_thermal"),
    (0x40, "throttle_hw_thermal"),
    (0x80, "throttle_hw_power_brake"),
];
/// Heat and the power supply. A GPU at the power limit that it is sold with (`sw_power_cap`) is not among them: that is how a
/// busy GPU works, in every run alike.
const HELD_DOWN: u64 = 0x08 | 0x20 | 0x40 | 0x80;

impl Throttle {
    /// Whether heat or the power supply hold the clock down.
    pub const fn is_held_down(self) -> bool {
        self.0 & HELD_DOWN != 0
    }

    /// Each reason's name in tables, and whether it holds.
    pub(super) fn named(self) -> impl Iterator<Item = (&'static str, bool)> {
        REASONS
            .into_iter()
            .map(move |(bit, name)| (name, self.0 & bit != 0))
    }
}

/// Adds up for how long GPUs were held down within a window. Times are nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThrottleClock {
    from: i64,
    until: Option<i64>,
    seen: BTreeMap<u32, i64>,
    held_for: BTreeMap<u32, u64>,
}

impl ThrottleClock {
    /// A window by the node's monotonic clock; without an end it is open.
    pub fn new(from: i64, until: Option<i64>) -> Self {
        Self {
            from,
            until,
            ..Self::default()
        }
    }

    /// A look at a GPU. What it shows counts for the time since the look before, as far as that is within the window.
    pub fn look(&mut self, gpu: u32, at_ns: i64, throttle: Throttle) {
        let since = self.seen.insert(gpu, at_ns).unwrap_or(at_ns).max(self.from);
        let until = self.until.map_or(at_ns, |until| at_ns.min(until));
        if throttle.is_held_down()
            && let Ok(held) = u64::try_from(until - since)
        {
            *self.held_for.entry(gpu).or_default() += held;
        }
    }

    /// The GPUs that were held down, and for how long, nanoseconds.
    pub fn held(&self) -> impl Iterator<Item = (u32, u64)> {
        self.held_for
            .iter()
            .map(|(gpu, ns)| (*gpu, *ns))
            .filter(|(_, ns)| *ns > 0)
    }
}
