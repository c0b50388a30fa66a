//! Arrival times of open load shapes, as a pure function of shape and random source.

use std::sync::Arc;

use rand::Rng;
use rand_distr::{Distribution as _, Exp, Gamma};

use crate::spec::{Shape, TraceRequest};

/// Nanoseconds in a second.
const NANOS: f64 = 1e9;

/// Highest rate of arrivals that is accepted, per second. Far above what one host can send.
pub const MAX_RATE: f64 = 10_000_000.0;

/// Most that a trace is made faster.
pub const MAX_SPEED: f64 = 1e6;

/// Why a shape makes no schedule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ShapeError {
    /// A rate is not a number in range.
    #[error("rate {0} is not between 0 (exclusive) and {MAX_RATE} arrivals a second")]
    Rate(f64),
    /// The burstiness is not a positive number.
    #[error("burstiness {0} is not a positive number")]
    Burstiness(f64),
    /// A ramp takes no time.
    #[error("a ramp needs a length above zero")]
    EmptyRamp,
    /// The speed of a trace is not a number in range.
    #[error("speed {0} is not between 0 (exclusive) and {MAX_SPEED}")]
    Speed(f64),
    /// A trace has no arrival, or its arrivals go back in time.
    #[error("a trace needs arrivals in the order of their times")]
    Trace,
}

/// The sequence of arrivals of an open shape, endless but for a trace, in nanoseconds since the start of the load, never decreasing.
///
/// All clients of a trial make the same sequence from the same seed and each takes its own part of it, so that the
/// trial's arrivals do not depend on the number of clients.
#[derive(Debug, Clone)]
pub struct Arrivals<R> {
    process: Process,
    random: R,
    /// Number of arrivals so far.
    index: u64,
    /// Last arrival of a random process, in nanoseconds.
    last: f64,
}

#[derive(Debug, Clone)]
enum Process {
    Even {
        rate: f64,
    },
    Exponential(Exp<f64>),
    Gamma(Gamma<f64>),
    Ramp {
        from: f64,
        to: f64,
        over: f64,
    },
    Recorded {
        requests: Arc<[TraceRequest]>,
        speed: f64,
    },
}

impl<R: Rng> Arrivals<R> {
    /// The arrivals of `shape`; `None` for a closed loop, whose requests follow each other.
    pub fn new(shape: &Shape, random: R) -> Result<Option<Self>, ShapeError> {
        let process = match *shape {
            Shape::Closed { .. } => return Ok(None),
            Shape::Constant { rate, .. } => Process::Even {
                rate: positive(rate)?,
            },
            Shape::Poisson { rate, .. } => {
                Process::Exponential(Exp::new(positive(rate)?).map_err(|_| ShapeError::Rate(rate))?)
            }
            Shape::Gamma { rate, burstiness, .. } => {
                if !burstiness.is_finite() {
                    return Err(ShapeError::Burstiness(burstiness));
                }
                let scale = 1.0 / (positive(rate)? * burstiness);
                Process::Gamma(Gamma::new(burstiness, scale).map_err(|_| ShapeError::Burstiness(burstiness))?)
            }
            Shape::Ramp { from, to, over, .. } => {
                let over = over.as_secs_f64();
                if over <= 0.0 {
                    return Err(ShapeError::EmptyRamp);
                }
                positive(from + to)?;
                Process::Ramp {
                    from: not_negative(from)?,
                    to: not_negative(to)?,
                    over,
                }
            }
            Shape::Trace {
                ref requests, speed, ..
            } => recorded(requests, speed)?,
        };
        Ok(Some(Self {
            process,
            random,
            index: 0,
            last: 0.0,
        }))
    }
}

fn recorded(requests: &Arc<[TraceRequest]>, speed: f64) -> Result<Process, ShapeError> {
    if !(speed > 0.0 && speed <= MAX_SPEED) {
        return Err(ShapeError::Speed(speed));
    }
    if requests.is_empty() || !requests.is_sorted_by_key(|request| request.at) {
        return Err(ShapeError::Trace);
    }
    Ok(Process::Recorded {
        requests: Arc::clone(requests),
        speed,
    })
}

fn positive(rate: f64) -> Result<f64, ShapeError> {
    if rate > 0.0 && rate <= MAX_RATE {
        Ok(rate)
    } else {
        Err(ShapeError::Rate(rate))
    }
}

fn not_negative(rate: f64) -> Result<f64, ShapeError> {
    if rate == 0.0 { Ok(rate) } else { positive(rate) }
}

impl<R: Rng> Iterator for Arrivals<R> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let (place, position) = (self.index as usize, self.index as f64);
        self.index += 1;
        let nanos = match &self.process {
            Process::Even { rate } => position / rate * NANOS,
            Process::Exponential(gap) => self.last + gap.sample(&mut self.random) * NANOS,
            Process::Gamma(gap) => self.last + gap.sample(&mut self.random) * NANOS,
            Process::Ramp { from, to, over } => ramp_time(*from, *to, *over, position)? * NANOS,
            Process::Recorded { requests, speed } => requests.get(place)?.at as f64 / speed,
        };
        self.last = nanos;
        Some(nanos as i64)
    }
}

/// When a rate that goes from `from` to `to` within `over` seconds, and stays there, has made `count` arrivals:
/// the inverse of its integral. `None` where that never happens.
fn ramp_time(from: f64, to: f64, over: f64, count: f64) -> Option<f64> {
    let within = f64::midpoint(from, to) * over;
    if count <= within {
        // from·t + (to − from)/(2·over)·t² = count, in the form that stays exact when the rate hardly changes.
        let root = (from * from + 2.0 * (to - from) / over * count).max(0.0).sqrt();
        return Some(if count == 0.0 {
            0.0
        } else {
            2.0 * count / (from + root)
        });
    }
    (to > 0.0).then(|| over + (count - within) / to)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;

    fn arrivals(shape: &Shape, seed: u64) -> Arrivals<Xoshiro256PlusPlus> {
        Arrivals::new(shape, Xoshiro256PlusPlus::seed_from_u64(seed))
            .unwrap()
            .unwrap()
    }

    fn gaps(shape: &Shape, count: usize) -> Vec<f64> {
        let times: Vec<i64> = arrivals(shape, 1).take(count + 1).collect();
        times
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64 / NANOS)
            .collect()
    }

    fn mean_and_cv(gaps: &[f64]) -> (f64, f64) {
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        (mean, variance.sqrt() / mean)
    }

    /// Largest distance between the sample's distribution and an exponential one with this rate.
    fn kolmogorov_smirnov(mut sample: Vec<f64>, rate: f64) -> f64 {
        sample.sort_by(f64::total_cmp);
        let n = sample.len() as f64;
        let distance = |(i, gap): (usize, &f64)| {
            let expected = 1.0 - (-rate * gap).exp();
            (expected - i as f64 / n)
                .abs()
                .max(((i + 1) as f64 / n - expected).abs())
        };
        sample.iter().enumerate().map(distance).fold(0.0, f64::max)
    }

    #[test]
    fn constant_is_even_and_does_not_drift() {
        let shape = Shape::Constant {
            rate: 3.0,
            max_in_flight: 1,
        };
        let times: Vec<i64> = arrivals(&shape, 0).take(3_000_001).step_by(1_000_000).collect();
        assert_eq!(
            times,
            [0, 333_333_333_333_333, 666_666_666_666_666, 1_000_000_000_000_000]
        );
    }

    #[test]
    fn poisson_gaps_are_exponential() {
        let gaps = gaps(
            &Shape::Poisson {
                rate: 5_000.0,
                max_in_flight: 1,
            },
            10_000,
        );
        // Critical distance for α = 0.01.
        let critical = 1.628 / (gaps.len() as f64).sqrt();
        assert!(kolmogorov_smirnov(gaps, 5_000.0) < critical);
    }

    #[test]
    fn gamma_gaps_have_the_rate_and_the_burstiness() {
        for burstiness in [0.25, 1.0, 4.0] {
            let gaps = gaps(
                &Shape::Gamma {
                    rate: 100.0,
                    burstiness,
                    max_in_flight: 1,
                },
                40_000,
            );
            let (mean, cv) = mean_and_cv(&gaps);
            assert!((mean * 100.0 - 1.0).abs() < 0.05, "{burstiness}: mean {mean}");
            assert!(
                (cv * f64::sqrt(burstiness) - 1.0).abs() < 0.1,
                "{burstiness}: cv {cv}"
            );
        }
    }

    #[test]
    fn ramp_reaches_and_keeps_its_rate() {
        let over = Duration::from_secs(10);
        let shape = Shape::Ramp {
            from: 0.0,
            to: 10.0,
            over,
            max_in_flight: 1,
        };
        let times: Vec<f64> = arrivals(&shape, 0)
            .take(100)
            .map(|time| time as f64 / NANOS)
            .collect();
        // 50 arrivals within the ramp, then ten a second.
        assert!(
            (times[50] - 10.0).abs() < 1e-6 && (times[60] - 11.0).abs() < 1e-6,
            "{times:?}"
        );
        assert!(times[1] > 1.0);
        let down = Shape::Ramp {
            from: 10.0,
            to: 0.0,
            over,
            max_in_flight: 1,
        };
        assert_eq!(arrivals(&down, 0).count(), 51);
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let make = |shape: Shape| Arrivals::new(&shape, Xoshiro256PlusPlus::seed_from_u64(0)).map(|_| ());
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(
                make(Shape::Constant {
                    rate,
                    max_in_flight: 1
                })
                .is_err()
            );
            assert!(
                make(Shape::Poisson {
                    rate,
                    max_in_flight: 1
                })
                .is_err()
            );
            assert!(
                make(Shape::Gamma {
                    rate: 1.0,
                    burstiness: rate,
                    max_in_flight: 1
                })
                .is_err()
            );
        }
        let over = Duration::ZERO;
        assert!(
            make(Shape::Ramp {
                from: 1.0,
                to: 1.0,
                over,
                max_in_flight: 1
            })
            .is_err()
        );
        let over = Duration::from_secs(1);
        assert!(
            make(Shape::Ramp {
                from: 0.0,
                to: 0.0,
                over,
                max_in_flight: 1
            })
            .is_err()
        );
        assert!(
            make(Shape::Ramp {
                from: 1.0,
                to: -1.0,
                over,
                max_in_flight: 1
            })
            .is_err()
        );
    }

    fn trace(times: &[u64], speed: f64) -> Shape {
        let request = |at: &u64| TraceRequest {
            at: *at,
            input_tokens: None,
            output_tokens: None,
            blocks: Box::default(),
        };
        Shape::Trace {
            requests: times.iter().map(request).collect(),
            block_tokens: 512,
            speed,
            max_in_flight: 1,
        }
    }

    #[test]
    fn a_trace_is_replayed_at_its_speed_and_ends() {
        let times: Vec<i64> = arrivals(&trace(&[0, 1_000, 1_000, 5_000], 2.0), 0).collect();
        assert_eq!(times, [0, 500, 500, 2_500]);
        let make = |shape: Shape| Arrivals::new(&shape, Xoshiro256PlusPlus::seed_from_u64(0)).map(|_| ());
        assert_eq!(make(trace(&[], 1.0)), Err(ShapeError::Trace));
        assert_eq!(make(trace(&[2, 1], 1.0)), Err(ShapeError::Trace));
        for speed in [0.0, -1.0, f64::INFINITY] {
            assert_eq!(make(trace(&[1], speed)), Err(ShapeError::Speed(speed)));
        }
    }

    proptest! {
        #[test]
        fn arrivals_never_go_back(seed: u64, rate in 0.1_f64..10_000.0, to in 0.0_f64..10_000.0) {
            let over = Duration::from_secs(1);
            for shape in [
                Shape::Constant { rate, max_in_flight: 1 },
                Shape::Poisson { rate, max_in_flight: 1 },
                Shape::Gamma { rate, burstiness: 0.5, max_in_flight: 1 },
                Shape::Ramp { from: rate, to, over, max_in_flight: 1 },
            ] {
                let times: Vec<i64> = arrivals(&shape, seed).take(500).collect();
                prop_assert!(times.iter().all(|time| *time >= 0));
                prop_assert!(times.is_sorted());
                let again: Vec<i64> = arrivals(&shape, seed).take(500).collect();
                prop_assert_eq!(times, again);
            }
        }
    }
}
