//! The simulated service's options, in the names of `hpcbench simulate`.

use std::num::{NonZeroU32, NonZeroU64};

use hpcbench_recipes::ServiceProblem;
use hpcbench_recipes::units::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The simulated service accepts no longer times than a day.
const MAX_SECONDS: f64 = 24.0 * 3600.0;

/// Shares such as 0.1 may miss their sum by a rounding error.
const ROUNDING: f64 = 1e-9;

/// Options of `service.kind: simulator`. The defaults describe a healthy service with exact timing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SimulatorOptions")]
pub(super) struct Options {
    /// From the admission of a request to its first token.
    ttft: Duration,
    /// Added to the first-token time for each input token.
    ttft_per_input_token: Duration,
    /// From one token to the next.
    itl: Duration,
    /// First-token time and gaps lie within their value × (1 ± jitter).
    #[schemars(range(min = 0.0, max = 1.0))]
    jitter: f64,
    /// With n requests in the batch all times are multiplied by 1 + slowdown × (n − 1).
    #[schemars(range(min = 0.0, max = 10.0))]
    slowdown: f64,
    /// t seconds after the start all times are multiplied by 1 + drift × t: such a service never becomes steady.
    #[schemars(range(min = 0.0, max = 10.0))]
    drift: f64,
    /// Most requests in the batch at a time; others wait in the order of their arrival.
    max_num_seqs: NonZeroU32,
    /// Most requests that wait; more are answered with 503.
    max_queue: u32,
    /// Output tokens of a request that asks for no number.
    #[schemars(range(max = 1_000_000))]
    default_output_tokens: NonZeroU32,
    /// Share of the requests without `ignore_eos` that stop before their limit of tokens.
    #[schemars(range(min = 0.0, max = 1.0))]
    early_stop: f64,
    /// Seed of everything that is drawn.
    #[schemars(range(max = 9_007_199_254_740_991u64))]
    seed: u64,
    /// What `content` is in the first chunk of a chat, which carries the role and is no token.
    role_chunk: RoleChunk,
    /// Tokens that fit into the pretended KV cache; only shown in the metrics.
    #[schemars(range(max = 9_007_199_254_740_991u64))]
    kv_cache_tokens: NonZeroU64,
    /// Share of the input tokens that it claims to have found in a prefix cache; only shown in the metrics.
    #[schemars(range(min = 0.0, max = 1.0))]
    prefix_hits: f64,
    /// Time from the start until the service says that it is healthy.
    start_delay: Duration,
    /// It never says that it is healthy.
    never_ready: bool,
    /// Time that the first request to Ollama's endpoints waits for the model.
    load_time: Duration,
    /// A connection without a request is closed after this time.
    keep_alive: Duration,
    /// The process dies when it has received so many inference requests.
    #[schemars(range(max = 9_007_199_254_740_991u64))]
    die_after: Option<NonZeroU64>,
    /// Its exit code then.
    #[schemars(range(max = 255))]
    die_exit_code: u8,
    /// When it has received so many inference requests it stops answering anything, health included.
    #[schemars(range(max = 9_007_199_254_740_991u64))]
    hang_after: Option<NonZeroU64>,
    /// Faults for shares of the requests.
    #[schemars(length(max = 32))]
    faults: Vec<FaultShare>,
    /// How many requests' truth is kept; the oldest is dropped first.
    #[schemars(range(max = 5_000_000))]
    truth_requests: NonZeroU32,
}

/// `content` in the opening chunk of a chat stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum RoleChunk {
    /// `"content": ""`, as vLLM writes it.
    Empty,
    /// `"content": null`, as llama.cpp writes it. Quote it: `"null"`.
    Null,
    /// There is no such chunk; the first token's chunk carries the role.
    None,
}

/// A fault for a share of the requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FaultShare {
    /// Share of the requests, from 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    share: f64,
    /// What happens to them: one of `status=N` (400 to 599), `close-before-headers`, `stall-before-first`,
    /// `stall-after=N`, `cut-after=N`, `malformed-after=N`, `error-event-after=N` (N tokens), `role-only`, `empty`;
    /// and besides `multi-token=K` (tokens a chunk, up to 1024), `no-usage` and `tokens=N` (so many, whatever was asked
    /// for); joined by commas.
    #[schemars(regex(pattern = FAULT_PATTERN), extend("title" = "a fault", "examples" = ["status=503", "cut-after=3", "multi-token=4,no-usage"]))]
    fault: String,
}

/// Words joined by commas. Each stands here once, because the time to compile it is a part of each check that is felt:
/// after each there is the end or a comma, and after the comma another word.
const FAULT_PATTERN: &str = concat!(
    "^(?:(?:status=[45][0-9]{2}|close-before-headers|stall-before-first|(?:stall|cut|malformed|error-event)-after=[0-9]{1,9}",
    "|role-only|empty|multi-token=(?:[1-9][0-9]{0,2}|10[01][0-9]|102[0-4])|no-usage|tokens=(?:[1-9][0-9]{0,5}|1000000))",
    "(?:,\\b|$))+$",
);

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(number.saturating_sub(1))
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ttft: Duration::from_millis(50),
            ttft_per_input_token: Duration::ZERO,
            itl: Duration::from_millis(10),
            jitter: 0.0,
            slowdown: 0.0,
            drift: 0.0,
            max_num_seqs: count(100_000),
            max_queue: 100_000,
            default_output_tokens: count(64),
            early_stop: 0.0,
            seed: 0,
            role_chunk: RoleChunk::Empty,
            kv_cache_tokens: count(1_000_000).into(),
            prefix_hits: 0.0,
            start_delay: Duration::ZERO,
            never_ready: false,
            load_time: Duration::ZERO,
            keep_alive: Duration::from_secs(75),
            die_after: None,
            die_exit_code: 1,
            hang_after: None,
            faults: Vec::new(),
            truth_requests: count(200_000),
        }
    }
}

impl Options {
    /// What the schema cannot say.
    pub(super) fn problems(&self) -> Vec<ServiceProblem> {
        let times = [
            ("ttft", self.ttft),
            ("ttft_per_input_token", self.ttft_per_input_token),
            ("itl", self.itl),
            ("start_delay", self.start_delay),
            ("load_time", self.load_time),
            ("keep_alive", self.keep_alive),
        ];
        let too_long = times
            .into_iter()
            .filter(|(_, time)| time.as_secs_f64() > MAX_SECONDS);
        let mut problems: Vec<ServiceProblem> = too_long
            .map(|(name, time)| problem(name, format!("{time} is too long: at most 24h")))
            .collect();
        let shares: f64 = self.faults.iter().map(|fault| fault.share).sum();
        if shares > 1.0 + ROUNDING {
            problems.push(problem(
                "faults",
                format!("the shares add up to {shares}: at most 1"),
            ));
        }
        let endings = |fault: &FaultShare| {
            let extra = |word: &&str| {
                word.starts_with("multi-token=") || word.starts_with("tokens=") || *word == "no-usage"
            };
            fault.fault.split(',').filter(|word| !extra(word)).count()
        };
        for fault in self.faults.iter().filter(|fault| endings(fault) > 1) {
            problems.push(problem(
                "faults",
                format!("`{}`: a response can end in one way only", fault.fault),
            ));
        }
        problems
    }
}

fn problem(option: &str, message: String) -> ServiceProblem {
    ServiceProblem {
        path: vec!["options".to_owned(), option.to_owned()],
        advice_only: false,
        message,
        help: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_takes_what_the_simulator_takes() {
        let schema = serde_json::json!({ "pattern": FAULT_PATTERN });
        let validator = jsonschema::options()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(&schema)
            .unwrap();
        let words = [
            "status=503",
            "status=399",
            "cut-after=3",
            "stall-before-first",
            "multi-token=1024",
            "multi-token=1025",
            "tokens=1000000",
            "tokens=0",
            "no-usage",
            "bogus",
            "",
        ];
        let known = |word: &&str| word.parse::<hpcbench_sim::Faults>().is_ok();
        for first in words {
            assert_eq!(validator.is_valid(&first.into()), known(&first), "{first}");
            for second in words {
                let both = format!("{first},{second}");
                let right = known(&first) && known(&second);
                assert_eq!(validator.is_valid(&both.clone().into()), right, "{both}");
            }
        }
    }
}
