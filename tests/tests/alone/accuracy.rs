//! The program's numbers beside those of a service that knows what it really did.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::{number, trials};
use hpcbench_tests::{Recipe, Simulator, Workdir};
use serde_json::Value;

use crate::examples::{between, read_bare};
use crate::repeated;

const WARM_UP_SECONDS: f64 = 2.0;
const WINDOW_SECONDS: f64 = 8.0;
/// How long the whole run may take, the service's account of it included.
const LIMIT: Duration = Duration::from_mins(2);

/// Words of the reasons that name the client.
const OF_THE_CLIENT: [&str; 6] = [
    "client_lag",
    "loop gap",
    "engine thread",
    "sent − intended",
    "gaps between chunks",
    "kernel stamp",
];

/// How close the numbers have to be to the truth.
#[derive(Debug, Clone, Copy)]
struct Tolerance {
    /// The share of the requested concurrency that has to be delivered.
    delivered: f64,
    /// Seconds.
    ttft: f64,
    /// Seconds; none: it need not be known.
    itl: Option<f64>,
}

/// A percentile as it was measured and as it was, in seconds.
#[derive(Debug)]
struct Percentile {
    measured: Option<f64>,
    truth: f64,
}

impl Percentile {
    fn is_within(&self, tolerance: f64) -> bool {
        self.measured
            .is_some_and(|measured| (measured - self.truth).abs() <= tolerance)
    }
}

/// What both sides say.
#[derive(Debug)]
struct Comparison {
    delivered: f64,
    ttft_p50: Percentile,
    ttft_p99: Percentile,
    itl_p99: Percentile,
    /// What the verdict has to say.
    reasons: Vec<String>,
}

impl Comparison {
    fn delivers(&self, streams: u32, share: f64) -> bool {
        self.delivered >= share * f64::from(streams)
    }

    fn doubts_the_client(&self) -> bool {
        let mut reasons = self.reasons.iter();
        reasons.any(|reason| OF_THE_CLIENT.iter().any(|words| reason.contains(words)))
    }
}

/// On any machine: what the benchmarks below ask for is less than a time slice of a scheduler.
#[test]
fn five_hundred_streams_are_delivered_and_measured_as_they_are() -> Result<()> {
    let tolerance = Tolerance {
        delivered: 0.99,
        ttft: 0.005,
        itl: None,
    };
    let test = "five_hundred_streams_are_delivered_and_measured_as_they_are";
    repeated(test, || expect_true(500, tolerance, &measure(500)?))
}

#[test]
#[ignore = "a benchmark: it wants a machine without any other load"]
fn five_hundred_streams_are_measured_to_a_millisecond() -> Result<()> {
    let tolerance = Tolerance {
        delivered: 0.995,
        ttft: 0.001,
        itl: Some(0.001),
    };
    let test = "five_hundred_streams_are_measured_to_a_millisecond";
    repeated(test, || expect_true(500, tolerance, &measure(500)?))
}

#[test]
#[ignore = "a benchmark: it wants a machine without any other load"]
fn two_thousand_streams_are_measured_to_three_milliseconds_or_doubted() -> Result<()> {
    let tolerance = Tolerance {
        delivered: 0.995,
        ttft: 0.003,
        itl: Some(0.003),
    };
    let test = "two_thousand_streams_are_measured_to_three_milliseconds_or_doubted";
    repeated(test, || {
        let bare = of_the_barest_client(2_000)?;
        let compared = measure(2_000)?;
        println!("the barest client: {:.2} % were in flight", bare * 100.0);
        let Err(off) = expect_true(2_000, tolerance, &compared) else {
            return Ok(());
        };
        // A doubt excuses numbers, not streams that were never there; and it has to be one about the client.
        ensure!(compared.delivers(2_000, tolerance.delivered), "{off:#}");
        ensure!(compared.doubts_the_client(), "{off:#}");
        println!("in doubt: {:?}", compared.reasons);
        Ok(())
    })
}

/// The share of so many streams that the least that a client can do keeps in flight, on this machine and at this time.
fn of_the_barest_client(streams: u32) -> Result<f64> {
    let workdir = Workdir::new()?;
    let simulator = Simulator::start(&workdir, &["--ttft", "50ms", "--itl", "10ms"])?;
    let text = read_bare(&simulator, streams, WINDOW_SECONDS as u32, 64)?;
    Ok(between(&text, "a chunk, ", " streams in flight")? / f64::from(streams))
}

fn expect_true(streams: u32, tolerance: Tolerance, compared: &Comparison) -> Result<()> {
    ensure!(
        compared.delivers(streams, tolerance.delivered),
        "too few of {streams} were delivered: {compared:?}"
    );
    ensure!(
        compared.ttft_p50.is_within(tolerance.ttft) && compared.ttft_p99.is_within(tolerance.ttft),
        "the time to the first token is off: {compared:?}"
    );
    ensure!(
        tolerance.itl.is_none_or(|itl| compared.itl_p99.is_within(itl)),
        "the time between tokens is off: {compared:?}"
    );
    Ok(())
}

fn measure(streams: u32) -> Result<Comparison> {
    let workdir = Workdir::new()?;
    let simulator = Simulator::start(&workdir, &["--ttft", "50ms", "--itl", "10ms"])?;
    let recipe = Recipe::external(&format!("http://{}/v1", simulator.address()), "simulated")
        .workload("load", &format!("{{shape: closed, concurrency: {streams}}}"))
        .workload(
            "prompts",
            "{source: synthetic, input_tokens: 32, output_tokens: 64}",
        )
        .workload("warmup", &format!("{WARM_UP_SECONDS}s"))
        .workload("duration", &format!("{WINDOW_SECONDS}s"));
    let finished = workdir.bench(&recipe)?.limit(LIMIT).run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    workdir.expect_no_process(Duration::from_secs(5))?;
    let trial = &trials(&workdir.run())?[0];
    let truth = simulator.truth_with_sends()?;
    ensure!(
        truth["max_concurrency"] == streams,
        "{} at once\n{finished}",
        truth["max_concurrency"]
    );
    let compared = compare(trial, &truth)?;
    println!("{streams} streams: {compared:?}");
    Ok(compared)
}

fn compare(trial: &Value, truth: &Value) -> Result<Comparison> {
    let requests = truth["requests"]
        .as_object()
        .context("no requests in the truth")?;
    let time = |request: &Value, name: &str| request[name].as_i64().map(|ns| ns as f64 / 1e9);
    let first = requests
        .values()
        .filter_map(|request| time(request, "arrival_ns"))
        .fold(f64::INFINITY, f64::min);
    let window = first + WARM_UP_SECONDS..first + WARM_UP_SECONDS + WINDOW_SECONDS;
    let ttft = requests
        .values()
        .filter_map(|request| Some((time(request, "arrival_ns")?, time(request, "first_sent_ns")?)))
        .filter(|(arrival, _)| window.contains(arrival))
        .map(|(arrival, sent)| sent - arrival)
        .collect();
    let mut itl = Vec::new();
    for sends in requests
        .values()
        .filter_map(|request| request["sends"].as_array())
    {
        let sends: Vec<f64> = sends
            .iter()
            .filter_map(|sent| Some(sent.as_i64()? as f64 / 1e9))
            .collect();
        let gaps = sends.windows(2).filter(|gap| window.contains(&gap[1]));
        itl.extend(gaps.map(|gap| gap[1] - gap[0]));
    }
    let (ttft, itl) = (Sorted::of(ttft), Sorted::of(itl));
    let pair = |pointer: &str, truth: Option<f64>| -> Result<Percentile> {
        Ok(Percentile {
            measured: trial.pointer(pointer).and_then(Value::as_f64),
            truth: truth.context("the service saw nothing in the window")?,
        })
    };
    Ok(Comparison {
        delivered: number(trial, "/concurrency/delivered_mean")?,
        ttft_p50: pair("/metrics/ttft/p50", ttft.percentile(0.5))?,
        ttft_p99: pair("/metrics/ttft/p99", ttft.percentile(0.99))?,
        itl_p99: pair("/metrics/itl/p99", itl.percentile(0.99))?,
        reasons: serde_json::from_value(trial["verdict"]["reasons"].clone())?,
    })
}

/// Values in order.
struct Sorted(Vec<f64>);

impl Sorted {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The ⌈nq⌉-th.
    fn percentile(&self, q: f64) -> Option<f64> {
        let rank = (q * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.checked_sub(1)?).copied()
    }
}
