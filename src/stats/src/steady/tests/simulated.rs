//! Simulated trials: steady services pass, unsteady ones do not.

use hpcbench_records::Record;

use super::super::*;
use crate::aggregate::TrialAggregate;
use crate::testing::{MS, aggregate, expectations, stream_ns};
use crate::{Expectations, Load, Window};

/// A service under clients without pause that all start at once.
#[derive(Clone, Copy)]
pub(super) struct Service {
    pub(super) clients: u64,
    pub(super) ttft_ms: f64,
    pub(super) itl_ms: f64,
    pub(super) tokens: usize,
    /// Every time is off by up to this share, evenly.
    pub(super) jitter: f64,
    pub(super) window_seconds: f64,
    /// Factor on every time, by the share of the window that has passed.
    pub(super) slowness: fn(f64) -> f64,
}

pub(super) const STEADY: Service = Service {
    clients: 8,
    ttft_ms: 50.0,
    itl_ms: 10.0,
    tokens: 16,
    jitter: 0.2,
    window_seconds: 6.0,
    slowness: |_| 1.0,
};

/// Numbers from −1 to 1 that look random.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

impl Service {
    pub(super) fn window(self) -> Window {
        Window {
            t1: 0,
            t2: (self.window_seconds * 1e9) as i64,
            drained: false,
        }
    }

    /// The records of a trial with a warm-up of half a second, in which the clients have begun together.
    pub(super) fn records(self, seed: u64) -> Vec<Record> {
        let length = self.window().t2;
        let mut records = Vec::new();
        let mut noise = Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..self.clients {
            let mut sent = -500 * MS;
            while sent < length {
                let mut at = sent as f64;
                let chunks: Vec<i64> = (0..self.tokens)
                    .map(|i| {
                        let mean = if i == 0 { self.ttft_ms } else { self.itl_ms };
                        let slowness = (self.slowness)((at / length as f64).clamp(0.0, 1.0));
                        at += mean * 1e6 * slowness * (1.0 + self.jitter * noise.next());
                        at as i64
                    })
                    .collect();
                let record = stream_ns(sent, &chunks);
                sent = record.times.end.unwrap() + MS / 5;
                records.push(record);
            }
        }
        records
    }

    fn examine(self, seed: u64) -> Vec<Unsteady> {
        let aggregate = aggregate(self.window(), &expectations(), &self.records(seed));
        let load = Load::Closed {
            concurrency: self.clients,
            think_time_ns: 0,
        };
        let residence = aggregate.mean_residence_ns().unwrap();
        examine(&aggregate.series, load, self.window().nanoseconds(), residence)
    }

    /// How many of these trials are found unsteady.
    fn unsteady_among(self, trials: u64) -> usize {
        (0..trials).filter(|&seed| !self.examine(seed).is_empty()).count()
    }
}

#[test]
fn short_windows_of_a_steady_service_pass() {
    assert!(STEADY.unsteady_among(50) <= 1);
    let long_requests = Service { tokens: 64, ..STEADY };
    assert!(
        long_requests.unsteady_among(50) <= 1,
        "six batches of 1.4 requests"
    );
    let one_client = Service { clients: 1, ..STEADY };
    assert!(one_client.unsteady_among(50) <= 2, "two requests a batch");
}

#[test]
fn a_service_without_any_jitter_passes() {
    // All clients run in step, so that batches cut the waves of their requests at ever other places.
    for tokens in [4, 8, 16, 24, 32, 48, 64] {
        let service = Service {
            jitter: 0.0,
            tokens,
            ..STEADY
        };
        assert_eq!(service.examine(0), [], "{tokens} tokens");
    }
}

#[test]
fn a_service_that_slows_down_is_found() {
    let slowing = Service {
        slowness: |passed| 1.0 + 0.25 * passed,
        clients: 4,
        ..STEADY
    };
    assert!(slowing.unsteady_among(20) >= 19);
    let found = Service {
        clients: 32,
        ..slowing
    }
    .examine(1);
    let trend_of = |observed: Observed| {
        found.iter().find_map(|unsteady| match *unsteady {
            Unsteady::Trend { what, drift } if what == observed => Some(drift),
            _ => None,
        })
    };
    assert!(
        trend_of(Observed::Throughput).is_some_and(|drift| drift < -0.1),
        "{found:?}"
    );
    assert!(
        trend_of(Observed::Ttft).is_some_and(|drift| drift > 0.1),
        "{found:?}"
    );
    assert_eq!(
        trend_of(Observed::InFlight),
        None,
        "a closed loop keeps its number"
    );
}

#[test]
fn a_service_that_drops_to_another_level_is_found() {
    let dropping = Service {
        slowness: |passed| if passed < 0.5 { 1.0 } else { 1.3 },
        ..STEADY
    };
    assert!(dropping.unsteady_among(20) >= 19);
}

#[test]
fn the_remains_of_a_warm_up_are_found() {
    let warming = Service {
        slowness: |passed| 1.0 + 2.0 * (-passed * 8.0).exp(),
        ..STEADY
    };
    assert!(warming.unsteady_among(20) >= 19);
}

/// An open load of random arrivals: every request takes 50 ms to the first token and 150 ms more; under overload, each
/// also waits for those before it.
fn open_load(seed: u64, per_second: f64, overload: f64) -> Vec<Unsteady> {
    let length = 30_000 * MS;
    let window = Window {
        t1: 0,
        t2: length,
        drained: false,
    };
    let mut aggregate = TrialAggregate::new("client", window, &Expectations::new(Load::Open));
    let mut noise = Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut intended = -(MS as f64) * 1_000.0;
    while intended < length as f64 {
        let uniform = f64::midpoint(noise.next(), 1.0).max(1e-12);
        intended -= uniform.ln() / per_second * 1e9;
        let sent = intended + overload * (intended + 1e9).max(0.0);
        let times =
            [50.0, 100.0, 150.0, 200.0].map(|ms| (sent + ms * 1e6 * (1.0 + 0.1 * noise.next())) as i64);
        let mut record = stream_ns(sent as i64, &times);
        record.times.intended = intended as i64;
        record.cohort = window.contains(record.times.intended);
        aggregate.add(&record);
    }
    examine(
        &aggregate.series,
        Load::Open,
        window.nanoseconds(),
        aggregate.mean_residence_ns().unwrap(),
    )
}

#[test]
fn random_arrivals_are_steady_until_they_pile_up() {
    for per_second in [20.0, 100.0] {
        let unsteady = (0..40)
            .filter(|&seed| !open_load(seed, per_second, 0.0).is_empty())
            .count();
        assert!(unsteady <= 2, "{unsteady} of 40 at {per_second} a second");
        let found = open_load(1, per_second, 0.05);
        let piles_up = |u: &Unsteady| matches!(u, Unsteady::Trend { what: Observed::Outstanding, drift } if *drift > 0.5);
        assert!(found.iter().any(piles_up), "{found:?}");
    }
}
