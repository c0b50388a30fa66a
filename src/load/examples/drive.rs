//! Drives a load against a server and prints what came of it.
//!
//! `drive ADDRESS [key=value]...` with `dialect` (chat, completions, generate, ollama-chat), `concurrency` or `rate`
//! (Poisson), `think`, `warmup`, `seconds` or `requests`, `input`, `output`, `model`, `stream`, `threads`, `timeout`,
//! `max_in_flight`.

use std::collections::HashMap;
use std::error::Error;
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use hpcbench_load::{
    ClientShare, Connections, Cooldown, Dialect, Endpoint, Length, LoadSpec, Outcome, Pin, PromptSource,
    Prompts, Sampling, Shape, Stage, Start, TokenCount, prepare,
};
use hpcbench_records::{BlockReader, Record, Status};
use hpcbench_stats::Distribution;
use nix::sys::resource::{UsageWho, getrusage};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: drive ADDRESS [key=value]...")?;
    let options: HashMap<String, String> = arguments
        .filter_map(|one| one.split_once('=').map(|(key, value)| (key.into(), value.into())))
        .collect();
    let scratch = std::env::temp_dir().join(format!("hpcbench-drive-{}", std::process::id()));
    std::fs::create_dir(&scratch)?;
    let spec = spec(&address, &Options(options), scratch.clone())?;
    let prepared = prepare(spec, &[])?;
    eprintln!("{} threads, {} prompts", prepared.threads(), prepared.prompts());
    let running = prepared.start(Start::Now)?;
    let mut last = Instant::now();
    let mut cpu = Vec::new();
    while !running.is_finished() {
        std::thread::sleep(Duration::from_millis(20));
        // Processor time of the whole process at the start of the window and after it.
        let stage = running.progress().stage;
        if (stage == Stage::Window && cpu.is_empty()) || (stage == Stage::Cooldown && cpu.len() == 1) {
            cpu.push(process_cpu()?);
        }
        if last.elapsed() > Duration::from_secs(1) {
            last = Instant::now();
            eprintln!("{:?}", running.progress());
        }
    }
    let result = running.join().map_err(Into::into).and_then(|outcome| {
        print(&outcome)?;
        if let [start, end] = cpu[..] {
            println!("CPU in the window {:.3} s", end - start);
        }
        Ok(())
    });
    std::fs::remove_dir_all(&scratch)?;
    result
}

/// Processor time of this process so far, in seconds.
fn process_cpu() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

struct Options(HashMap<String, String>);

impl Options {
    fn number<T: std::str::FromStr>(&self, key: &str, default: T) -> Result<T>
    where
        T::Err: Error + 'static,
    {
        self.0.get(key).map_or(Ok(default), |text| Ok(text.parse()?))
    }

    fn seconds(&self, key: &str, default: f64) -> Result<Duration> {
        Ok(Duration::try_from_secs_f64(self.number(key, default)?)?)
    }
}

fn spec(address: &str, options: &Options, scratch: std::path::PathBuf) -> Result<LoadSpec> {
    let dialect: Dialect = serde_json::from_value(
        options
            .0
            .get("dialect")
            .cloned()
            .unwrap_or_else(|| "chat".into())
            .into(),
    )?;
    let shape = match options.0.get("rate") {
        Some(rate) => Shape::Poisson {
            rate: rate.parse()?,
            max_in_flight: options.number("max_in_flight", 10_000)?,
        },
        None => Shape::Closed {
            concurrency: options.number("concurrency", 10)?,
            think_time: options.seconds("think", 0.0)?,
            turns: options.number("turns", NonZeroU16::MIN)?,
        },
    };
    let length = match options.0.get("requests") {
        Some(requests) => Length::Requests(requests.parse()?),
        None => Length::Duration {
            duration: options.seconds("seconds", 5.0)?,
            cooldown: Cooldown::Load,
        },
    };
    Ok(LoadSpec {
        node: "local".into(),
        request_prefix: format!("drive-{}", std::process::id()),
        client: ClientShare::SOLE,
        clients_on_host: 1,
        endpoints: vec![Endpoint {
            address: address.parse()?,
            host: address.into(),
            base_path: String::new(),
            key: None,
            tls: None,
        }],
        model: options
            .0
            .get("model")
            .cloned()
            .unwrap_or_else(|| "simulated".into()),
        dialect,
        stream: options.number("stream", true)?,
        shape,
        warmup: options.seconds("warmup", 1.0)?,
        length,
        timeout: options.seconds("timeout", 60.0)?,
        prompts: Prompts {
            source: PromptSource::Synthetic {
                input_tokens: TokenCount::Fixed(options.number("input", 64)?),
                shared_prefix_tokens: 0,
            },
            output_tokens: TokenCount::Fixed(options.number("output", 64)?),
            nonce: true,
            tokenizer: options.0.get("tokenizer").map(Into::into),
        },
        sampling: Sampling {
            temperature: Some(0.0),
            seed: None,
            ignore_eos: true,
        },
        keep_text: false,
        seed: 1,
        threads: options
            .0
            .get("threads")
            .map(|threads| threads.parse())
            .transpose()?,
        pin: Pin::Auto,
        keep_awake: false,
        connections: Connections::default(),
        scratch,
    })
}

fn print(outcome: &Outcome) -> Result<()> {
    let mut records = Vec::new();
    for file in &outcome.files {
        for record in BlockReader::open(&file.path)? {
            records.push(record?);
        }
    }
    let cohort: Vec<&Record> = records.iter().filter(|record| record.cohort).collect();
    let mut counts: HashMap<String, u64> = HashMap::new();
    for record in &cohort {
        let kind = record.error_kind.map_or("", |kind| kind.as_str());
        *counts.entry(format!("{:?} {kind}", record.status)).or_default() += 1;
    }
    println!("records {}, cohort {}: {counts:?}", records.len(), cohort.len());
    if let Some(text) = cohort.iter().find_map(|record| record.error_text.as_deref()) {
        println!("first error: {text}");
    }
    let (mut ttft, mut itl, mut lag) = (Distribution::new(), Distribution::new(), Distribution::new());
    let (mut gaps, mut unresolved, mut busy) = (0_u64, 0_u64, 0_i64);
    let window = outcome.window;
    for record in &records {
        let (Some(sent), Some(end)) = (record.times.sent, record.times.end) else {
            continue;
        };
        busy += (end.min(window.t2) - sent.max(window.t1)).max(0);
        if record.status != Status::Ok {
            continue;
        }
        if let Some(first) = record.times.first.filter(|_| record.cohort) {
            ttft.record_between(sent, first);
        }
        let events = &record.events;
        let mut previous: Option<usize> = None;
        for event in 0..events.len() {
            if window.contains(events.t[event]) {
                lag.record(events.read_lag[event] + events.uncertainty[event]);
            }
            if !events.kind[event].carries_tokens() {
                continue;
            }
            if let Some(before) = previous.filter(|_| window.contains(events.t[event])) {
                itl.record_between(events.t[before], events.t[event]);
                gaps += 1;
                unresolved +=
                    u64::from(events.uncertainty[before].max(events.uncertainty[event]) > 1_000_000);
            }
            previous = Some(event);
        }
    }
    show("ttft", &ttft);
    show("itl", &itl);
    show("client_lag", &lag);
    show("loop_gap", &outcome.engine.loop_gaps);
    show("lateness", &outcome.engine.lateness);
    println!(
        "delivered {:.3}, unresolved {unresolved} of {gaps}, {:.1} requests/s",
        busy as f64 / window.nanoseconds() as f64,
        cohort.len() as f64 / window.seconds()
    );
    let engine = &outcome.engine;
    println!(
        "reads {}, missing {}, rejected {}, steps {}, arrivals {}, queued {}, peak queue {}, t0 error {} ns",
        engine.reads,
        engine.stamps_missing,
        engine.stamps_rejected,
        engine.clock_steps,
        engine.arrivals,
        engine.arrivals_queued,
        engine.peak_queue,
        outcome.t0_error
    );
    println!("threads {:?}, window {window:?}", engine.threads);
    Ok(())
}

fn show(name: &str, distribution: &Distribution) {
    let ms = |q| {
        distribution
            .quantile(q)
            .map_or(f64::NAN, |nanos| nanos as f64 / 1e6)
    };
    println!(
        "{name:>10} ms: p50 {:.3} p90 {:.3} p99 {:.3} p99.9 {:.3} max {:.3} (n {})",
        ms(0.5),
        ms(0.9),
        ms(0.99),
        ms(0.999),
        ms(1.0),
        distribution.count()
    );
}
