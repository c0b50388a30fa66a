//! One level of a load: the engine runs it for a few seconds at most, and the verdict's checks on the client are asked.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use hpcbench_load::{
    ClientShare, Connections, Cooldown, Dialect, Endpoint, Length, LoadSpec, Outcome, Pin, PrepareError,
    PromptSource, Prompts, Sampling, Shape, Stage, Start, TokenCount, prepare,
};
use hpcbench_records::{BlockReader, Record, Status};
use hpcbench_stats::{Expectations, TrialAggregate, Verdict, VerdictStatus};
use serde::Serialize;

use super::search::{Limit, LimitedBy, Tried};

/// From the start of the load to the window, and how much more for each stream that has to be opened.
const WARMUP: Duration = Duration::from_millis(300);
const WARMUP_PER_STREAM: Duration = Duration::from_micros(100);
/// How often a running load is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// Longest time of a request.
const TIMEOUT: Duration = Duration::from_secs(130);
/// Requests that may be in flight at once under a schedule. Each takes a connection.
const MAX_IN_FLIGHT: u32 = 2_000;
/// Tokens of a prompt.
const INPUT_TOKENS: u32 = 16;
/// Tokens of an answer to a scheduled request.
const OUTPUT_TOKENS: u32 = 1;
/// How long a stream would last, milliseconds: longer than any level, so that the window sees neither beginnings nor ends,
/// where servers send several chunks at once.
const STREAM_MS: u64 = 120_000;
/// Share of what was to be answered below which the server counts as too slow.
const KEEPS_UP: f64 = 0.98;
/// Name of this client in its records.
const CLIENT: &str = "doctor";

/// A kind of load, to be produced at several levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "load", rename_all = "kebab-case")]
pub(super) enum Load {
    /// Requests at random times (Poisson), so many a second, each answered at once with one token.
    Requests,
    /// So many streams at a time.
    Streams {
        /// From one token to the next.
        itl_ms: u64,
    },
}

/// Where and how levels are measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) server: SocketAddr,
    pub(super) scratch: &'a Path,
    /// Length of the measured window.
    pub(super) window: Duration,
}

/// What was measured at a level that held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Measured {
    /// Chunks with tokens, per second.
    pub(super) chunks_per_second: f64,
    /// Processor time of the engine threads for each such chunk; what a request costs besides is in it.
    pub(super) cpu_us_per_chunk: Option<f64>,
    /// Processor time of the busiest engine thread, as a share.
    pub(super) busiest_thread: Option<f64>,
    /// p99 of sent − intended.
    pub(super) lateness_p99_ms: Option<f64>,
    /// Engine threads.
    pub(super) threads: usize,
}

/// Runs one level.
///
/// # Errors
/// The engine cannot run, or its records cannot be read. What the system does not allow is a limit, not an error.
pub(super) fn measure(load: Load, level: u32, node: &Node<'_>) -> anyhow::Result<Tried<Measured>> {
    let folder = tempfile::Builder::new()
        .prefix("hpcbench-doctor-")
        .tempdir_in(node.scratch)?;
    let prepared = match prepare(spec(load, level, node, folder.path()), &[]) {
        Ok(prepared) => prepared,
        Err(PrepareError::Limits(refusal)) => {
            return Ok(Tried::Failed(Limit {
                by: LimitedBy::System,
                reason: refusal.to_string(),
            }));
        }
        Err(error) => return Err(error).context("failed to prepare a load"),
    };
    let running = prepared.start(Start::Now).context("failed to start a load")?;
    while !running.is_finished() {
        std::thread::sleep(LOOK);
        // What happens after the window is not looked at.
        if running.progress().stage == Stage::Cooldown {
            running.cancel();
        }
    }
    let outcome = running.join().context("the load engine failed")?;
    let seen = Seen::of(&outcome, load, level)?;
    Ok(seen.judge(load, level))
}

fn spec(load: Load, level: u32, node: &Node<'_>, scratch: &Path) -> LoadSpec {
    let (shape, warmup, output_tokens) = match load {
        Load::Requests => (
            Shape::Poisson {
                rate: level.into(),
                max_in_flight: MAX_IN_FLIGHT,
            },
            WARMUP,
            OUTPUT_TOKENS,
        ),
        Load::Streams { itl_ms } => (
            Shape::Closed {
                concurrency: level,
                think_time: Duration::ZERO,
                turns: NonZeroU16::MIN,
            },
            WARMUP + WARMUP_PER_STREAM * level,
            (STREAM_MS / itl_ms.max(1)).max(2) as u32,
        ),
    };
    LoadSpec {
        node: CLIENT.to_owned(),
        request_prefix: CLIENT.to_owned(),
        client: ClientShare::SOLE,
        clients_on_host: 1,
        endpoints: vec![Endpoint {
            address: node.server,
            host: node.server.to_string(),
            base_path: String::new(),
            key: None,
            tls: None,
        }],
        model: "simulated".to_owned(),
        dialect: Dialect::Chat,
        stream: true,
        shape,
        warmup,
        length: Length::Duration {
            duration: node.window,
            cooldown: Cooldown::Drain,
        },
        timeout: TIMEOUT,
        connections: Connections::default(),
        prompts: Prompts {
            source: PromptSource::Synthetic {
                input_tokens: TokenCount::Fixed(INPUT_TOKENS),
                shared_prefix_tokens: 0,
            },
            output_tokens: TokenCount::Fixed(output_tokens),
            nonce: true,
            tokenizer: None,
        },
        sampling: Sampling {
            ignore_eos: true,
            ..Sampling::default()
        },
        keep_text: false,
        seed: level.into(),
        threads: None,
        pin: Pin::Auto,
        keep_awake: true,
        scratch: scratch.to_owned(),
    }
}

/// What a load showed.
#[derive(Debug, Clone)]
struct Seen {
    verdict: Verdict,
    seconds: f64,
    /// Chunks with tokens that arrived in the window.
    chunks: u64,
    /// Requests that were to be sent in the window, and those that ended in it.
    arrivals: u64,
    answered: u64,
    /// The first error of the client or the server.
    error: Option<String>,
    /// Processor time of all engine threads in the window, nanoseconds.
    cpu_ns: Option<f64>,
    busiest_thread: Option<f64>,
    lateness_p99_ns: Option<u64>,
    threads: usize,
}

impl Seen {
    fn of(outcome: &Outcome, load: Load, level: u32) -> anyhow::Result<Self> {
        let expectations = Expectations::new(match load {
            Load::Requests => hpcbench_stats::Load::Open,
            Load::Streams { .. } => hpcbench_stats::Load::Closed {
                concurrency: level.into(),
                think_time_ns: 0,
            },
        });
        let (window, engine) = (outcome.window, &outcome.engine);
        let mut aggregate = TrialAggregate::new(CLIENT, window, &expectations);
        let (mut chunks, mut answered, mut error) = (0, 0, None);
        for file in &outcome.files {
            for record in BlockReader::open(&file.path)? {
                let record: Record = record?;
                aggregate.add(&record);
                let events = record.events.t.iter().zip(&record.events.kind);
                chunks += events
                    .filter(|(t, kind)| window.contains(**t) && kind.carries_tokens())
                    .count() as u64;
                answered += u64::from(record.times.end.is_some_and(|end| window.contains(end)));
                if error.is_none() && matches!(record.status, Status::Error | Status::Timeout) {
                    error = Some(
                        record
                            .error_text
                            .unwrap_or_else(|| format!("{:?}", record.status)),
                    );
                }
            }
        }
        aggregate.add_engine(engine);
        let shares: Option<Vec<f64>> = engine.threads.iter().map(|thread| thread.cpu_share).collect();
        Ok(Self {
            verdict: aggregate.client_verdict(&expectations),
            seconds: window.seconds(),
            chunks,
            arrivals: engine.arrivals,
            answered,
            error,
            cpu_ns: shares.map(|shares| shares.iter().sum::<f64>() * window.nanoseconds() as f64),
            busiest_thread: engine.busiest_cpu_share(),
            lateness_p99_ns: engine.lateness.quantile(0.99),
            threads: engine.threads.len(),
        })
    }

    /// The client's own limits come first, then the server's.
    fn judge(&self, load: Load, level: u32) -> Tried<Measured> {
        let failed = |by, reason| Tried::Failed(Limit { by, reason });
        if self.verdict.status != VerdictStatus::Valid {
            return failed(LimitedBy::Client, self.verdict.reasons.join("; "));
        }
        if let Some(error) = &self.error {
            return failed(LimitedBy::NullServer, format!("a request failed: {error}"));
        }
        let (done, wanted) = match load {
            Load::Requests => (self.answered as f64, self.arrivals as f64),
            Load::Streams { itl_ms } => (
                self.chunks as f64,
                // The window's edges may cost each stream a chunk.
                f64::from(level) * (self.seconds * 1e3 / itl_ms as f64 - 1.0).max(0.0),
            ),
        };
        if done < wanted * KEEPS_UP {
            let percent = 100.0 * done / wanted;
            let reason = format!("the null server fell behind: {percent:.1} % of what was due came");
            return failed(LimitedBy::NullServer, reason);
        }
        Tried::Held(Measured {
            chunks_per_second: self.chunks as f64 / self.seconds.max(f64::MIN_POSITIVE),
            cpu_us_per_chunk: self
                .cpu_ns
                .filter(|_| self.chunks > 0)
                .map(|cpu| cpu / 1e3 / self.chunks as f64),
            busiest_thread: self.busiest_thread,
            lateness_p99_ms: self.lateness_p99_ns.map(|late| late as f64 / 1e6),
            threads: self.threads,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen {
            verdict: Verdict {
                status: VerdictStatus::Valid,
                reasons: Vec::new(),
            },
            seconds: 2.0,
            chunks: 20_000,
            arrivals: 2_000,
            answered: 1_990,
            error: None,
            cpu_ns: Some(2e8),
            busiest_thread: Some(0.1),
            lateness_p99_ns: Some(150_000),
            threads: 1,
        }
    }

    fn limited_by(seen: &Seen, load: Load, level: u32) -> Option<LimitedBy> {
        match seen.judge(load, level) {
            Tried::Held(_) => None,
            Tried::Failed(limit) => Some(limit.by),
        }
    }

    const STREAMS: Load = Load::Streams { itl_ms: 10 };

    #[test]
    fn a_level_holds_if_the_client_is_above_suspicion_and_the_server_keeps_up() {
        assert_eq!(limited_by(&seen(), Load::Requests, 1_000), None);
        assert_eq!(limited_by(&seen(), STREAMS, 100), None);
        assert_eq!(limited_by(&seen(), STREAMS, 103), Some(LimitedBy::NullServer));
        let slow = Seen {
            answered: 1_900,
            ..seen()
        };
        assert_eq!(
            limited_by(&slow, Load::Requests, 1_000),
            Some(LimitedBy::NullServer)
        );
    }

    #[test]
    fn the_clients_own_limit_comes_first() {
        let mut both = seen();
        both.verdict = Verdict {
            status: VerdictStatus::Suspect,
            reasons: vec!["late".to_owned(), "busy".to_owned()],
        };
        both.error = Some("reset".to_owned());
        let Tried::Failed(limit) = both.judge(STREAMS, 1_000) else {
            panic!("it held");
        };
        assert_eq!(
            (limit.by, limit.reason.as_str()),
            (LimitedBy::Client, "late; busy")
        );
    }

    #[test]
    fn processor_time_is_told_for_each_chunk() {
        let Tried::Held(measured) = seen().judge(STREAMS, 100) else {
            panic!("it did not hold");
        };
        assert_eq!(measured.cpu_us_per_chunk, Some(10.0));
        assert_eq!(measured.chunks_per_second.round() as u64, 10_000);
        assert_eq!(measured.lateness_p99_ms, Some(0.15));
    }
}
