//! An open load keeps its schedule.

use std::os::fd::AsFd as _;
use std::time::Duration;

use hpcbench_load::{Awake, Cooldown, Dialect, Length, Outcome, Shape, Start, prepare};
use hpcbench_records::{BlockReader, Status};
use hpcbench_stats::Distribution;
use hpcbench_timing::{DeadlineTimer, Monotonic};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::load::spec;
use crate::null;

/// Critical distance of a Kolmogorov–Smirnov test at α = 0.01, times √n.
const CRITICAL: f64 = 1.628;

/// Most gaps that the test looks at.
const MAX_GAPS: usize = 10_000;

/// Runs a Poisson load: how late requests were, and what was intended, in nanoseconds since the start.
fn run(rate: f64, seconds: u64) -> (Outcome, Vec<i64>) {
    let scratch = tempfile::tempdir().unwrap();
    let mut spec = spec(null::start(Dialect::Chat, 1), scratch.path(), 1, 1);
    spec.shape = Shape::Poisson {
        rate,
        max_in_flight: 1_000,
    };
    spec.warmup = Duration::from_secs(1);
    spec.length = Length::Duration {
        duration: Duration::from_secs(seconds),
        cooldown: Cooldown::Drain,
    };
    let outcome = prepare(spec, &[])
        .unwrap()
        .start(Start::Now)
        .unwrap()
        .join()
        .unwrap();
    let mut intended = Vec::new();
    for file in &outcome.files {
        for record in BlockReader::open(&file.path).unwrap() {
            let record = record.unwrap();
            assert_eq!(record.status, Status::Ok);
            intended.push(record.times.intended);
        }
    }
    intended.sort_unstable();
    (outcome, intended)
}

/// Largest distance between the gaps' distribution and an exponential one, times √n.
fn kolmogorov_smirnov(times: &[i64], rate: f64) -> f64 {
    let gaps = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9);
    let mut gaps: Vec<f64> = gaps.take(MAX_GAPS).collect();
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let distance = |(place, gap): (usize, &f64)| {
        let expected = 1.0 - (-rate * gap).exp();
        let below = expected - place as f64 / n;
        below.abs().max(((place + 1) as f64 / n - expected).abs())
    };
    gaps.iter().enumerate().map(distance).fold(0.0, f64::max) * n.sqrt()
}

#[test]
fn arrivals_are_those_of_the_process() {
    let (outcome, intended) = run(1_000.0, 2);
    assert_eq!(
        outcome.engine.arrivals as usize,
        intended.iter().filter(|at| outcome.window.contains(**at)).count()
    );
    assert_eq!(outcome.engine.arrivals_queued, 0);
    assert!(kolmogorov_smirnov(&intended, 1_000.0) < CRITICAL);
}

#[test]
#[ignore = "needs a machine of its own"]
fn five_thousand_a_second_are_in_time() {
    // What a host does with sleeping processors is neither the engine's doing nor the timer's.
    let _awake = Awake::keep(&[]).unwrap();
    let (outcome, intended) = run(5_000.0, 10);
    let bare = bare_timer(&intended);
    for (who, lateness) in [("the engine", &outcome.engine.lateness), ("a bare timer", &bare)] {
        let late = |q| lateness.quantile(q).unwrap_or(u64::MAX);
        println!(
            "{who}: {} times late by {} ns at p50, {} at p99, {} at most",
            lateness.count(),
            late(0.5),
            late(0.99),
            late(1.0)
        );
    }
    let late = |q| outcome.engine.lateness.quantile(q).unwrap_or(u64::MAX);
    assert!(kolmogorov_smirnov(&intended, 5_000.0) < CRITICAL);
    assert!(late(0.5) <= 100_000);
    assert!(late(0.99) <= 1_000_000);
}

/// How late a timer fires that does nothing else, at the same times: the least that a schedule can be late by here.
fn bare_timer(times: &[i64]) -> Distribution {
    let mut timer = DeadlineTimer::new().unwrap();
    let mut lateness = Distribution::new();
    let start = Monotonic::now().plus(Duration::from_millis(1));
    for time in times {
        let at = start.plus_nanos(*time);
        timer.set(Some(at)).unwrap();
        poll(
            &mut [PollFd::new(timer.as_fd(), PollFlags::POLLIN)],
            PollTimeout::NONE,
        )
        .unwrap();
        lateness.record_between(at.0, Monotonic::now().0);
        timer.clear().unwrap();
    }
    lateness
}
