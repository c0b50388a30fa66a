//! A service whose speed wanders, under clients that never pause.

use hpcbench_records::Record;

use super::{MS, stream_ns};
use crate::Window;

/// Times to the first token and between tokens vary around a level that wanders, as under a neighbour's load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drifting {
    pub(crate) clients: u64,
    pub(crate) seconds: f64,
    pub(crate) ttft_ms: f64,
    pub(crate) itl_ms: f64,
    pub(crate) tokens: usize,
    /// Standard deviation of a single time's logarithm around the level.
    pub(crate) jitter: f64,
    /// Standard deviation of the level's logarithm.
    pub(crate) drift: f64,
    /// In which time the level forgets where it was, seconds.
    pub(crate) memory_seconds: f64,
}

/// The level changes in steps of this length.
const STEP_SECONDS: f64 = 0.05;

impl Drifting {
    pub(crate) const DEFAULT: Self = Self {
        clients: 4,
        seconds: 30.0,
        ttft_ms: 50.0,
        itl_ms: 10.0,
        tokens: 24,
        jitter: 0.10,
        drift: 0.10,
        memory_seconds: 1.0,
    };

    pub(crate) fn window(self) -> Window {
        Window {
            t1: 0,
            t2: (self.seconds * 1e9) as i64,
            drained: false,
        }
    }

    /// The records of a trial with a warm-up of a second.
    pub(crate) fn records(self, seed: u64) -> Vec<Record> {
        let mut noise = Noise::new(seed);
        let level = self.level(&mut noise);
        let mut records = Vec::new();
        for _ in 0..self.clients {
            let mut free = -1_000.0 * MS as f64 * noise.uniform();
            while free < self.seconds * 1e9 {
                let intended = free;
                let sent = intended + 1e5 * (1.0 + noise.uniform());
                let mut at = sent;
                let chunks: Vec<i64> = (0..self.tokens)
                    .map(|i| {
                        let mean = if i == 0 { self.ttft_ms } else { self.itl_ms };
                        let factor = (self.jitter * noise.normal()).exp() * level_at(&level, at);
                        at += mean * 1e6 * factor;
                        at as i64
                    })
                    .collect();
                let mut record = stream_ns(sent as i64, &chunks);
                record.times.intended = intended as i64;
                record.cohort = self.window().contains(sent as i64);
                free = at + 1e6;
                records.push(record);
            }
        }
        records
    }

    /// A first-order autoregressive process in logarithms, from one second before the window to well after it.
    fn level(self, noise: &mut Noise) -> Vec<f64> {
        let keep = (-STEP_SECONDS / self.memory_seconds).exp();
        let fresh = self.drift * (1.0 - keep * keep).sqrt();
        let steps = ((self.seconds + 10.0) / STEP_SECONDS) as usize;
        let mut level = self.drift * noise.normal();
        let path = std::iter::repeat_with(|| {
            level = keep * level + fresh * noise.normal();
            level.exp()
        });
        path.take(steps).collect()
    }
}

fn level_at(level: &[f64], at_ns: f64) -> f64 {
    let step = ((at_ns / 1e9 + 1.0) / STEP_SECONDS).max(0.0) as usize;
    level.get(step).or(level.last()).copied().unwrap_or(1.0)
}

/// Numbers that look random, the same for the same seed.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to 1; Steele, Lea and Flood's generator (2014).
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// With mean 0 and standard deviation 1, by Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
