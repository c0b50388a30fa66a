//! The settings of a simulated service, and their limits.

use std::net::{IpAddr, Ipv4Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::SimDuration;
use crate::fault::FaultShare;

/// Most output tokens that one request can ask for.
pub const MAX_OUTPUT_TOKENS: u32 = 1_000_000;
/// Most entries in [`SimulatorConfig::faults`].
pub const MAX_FAULT_SHARES: usize = 32;
/// Most requests whose truth can be kept.
pub const MAX_TRUTH_REQUESTS: usize = 5_000_000;
/// Largest slow-down per concurrent request.
pub const MAX_SLOWDOWN: f64 = 10.0;
/// Largest slow-down a second.
pub const MAX_DRIFT: f64 = 10.0;
/// Longest model name, in bytes.
pub const MAX_MODEL_NAME_BYTES: usize = 256;

/// Everything that can be set. The defaults describe a healthy service with exact timing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatorConfig {
    /// Address to listen on.
    #[schemars(with = "String")]
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Name of the one model that is served from the start.
    pub model: String,
    /// From the admission of a request to its first token.
    pub ttft: SimDuration,
    /// Added to the first-token time for each input token. Input tokens are counted as words.
    pub ttft_per_input_token: SimDuration,
    /// From one token to the next.
    pub itl: SimDuration,
    /// First-token time and gaps lie within their value × (1 ± jitter); from 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub jitter: f64,
    /// Slow-down: with n requests in the batch all times are multiplied by 1 + slowdown × (n − 1).
    #[schemars(range(min = 0.0, max = 10.0))]
    pub slowdown: f64,
    /// Slow-down with time: t seconds after the start all times are multiplied by 1 + drift × t. Such a service never
    /// becomes steady.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub drift: f64,
    /// Most requests in the batch at a time; others wait in the order of their arrival.
    #[schemars(range(min = 1))]
    pub max_num_seqs: u32,
    /// Most requests that wait; more are answered with 503.
    pub max_queue: u32,
    /// Output tokens of a request that asks for no number.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub default_output_tokens: u32,
    /// Share of the requests without `ignore_eos` that stop before their limit of tokens; from 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub early_stop: f64,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// What `content` is in the first chunk of a chat, which carries the role and is no token.
    pub role_chunk: RoleChunk,
    /// Tokens that fit into the pretended KV cache; only shown in the metrics.
    #[schemars(range(min = 1))]
    pub kv_cache_tokens: u64,
    /// Share of the input tokens that it claims to have found in a prefix cache, from 0 to 1; only shown in the metrics.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub prefix_hits: f64,
    /// Time from the start until the service says that it is healthy; before, it answers 503.
    pub start_delay: SimDuration,
    /// It never says that it is healthy.
    pub never_ready: bool,
    /// Time that the first request to Ollama's endpoints waits for the model.
    pub load_time: SimDuration,
    /// A connection without a request is closed after this time.
    pub keep_alive: SimDuration,
    /// The process dies when it has received so many inference requests.
    #[schemars(range(min = 1))]
    pub die_after: Option<u64>,
    /// Its exit code then.
    pub die_exit_code: u8,
    /// When it has received so many inference requests it stops answering anything, health included.
    #[schemars(range(min = 1))]
    pub hang_after: Option<u64>,
    /// Faults for shares of the requests. The header `X-Sim-Fault` decides for a single one.
    pub faults: Vec<FaultShare>,
    /// How many requests' truth is kept; the oldest is dropped first.
    #[schemars(range(min = 1, max = 5_000_000))]
    pub truth_requests: usize,
}

/// `content` in the opening chunk of a chat stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoleChunk {
    /// `"content": ""`, as vLLM writes it.
    Empty,
    /// `"content": null`, as llama.cpp writes it.
    Null,
    /// There is no such chunk; the first token's chunk carries the role.
    None,
}

/// A setting that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("setting `{setting}` is {value}: it must be {expected}")]
pub struct InvalidConfig {
    /// Name of the field.
    pub setting: &'static str,
    /// The value it has.
    pub value: String,
    /// What it may be.
    pub expected: String,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            model: "simulated".to_owned(),
            ttft: SimDuration::from_millis(50),
            ttft_per_input_token: SimDuration::ZERO,
            itl: SimDuration::from_millis(10),
            jitter: 0.0,
            slowdown: 0.0,
            drift: 0.0,
            max_num_seqs: 100_000,
            max_queue: 100_000,
            default_output_tokens: 64,
            early_stop: 0.0,
            seed: 0,
            role_chunk: RoleChunk::Empty,
            kv_cache_tokens: 1_000_000,
            prefix_hits: 0.0,
            start_delay: SimDuration::ZERO,
            never_ready: false,
            load_time: SimDuration::ZERO,
            keep_alive: SimDuration::from_millis(75_000),
            die_after: None,
            die_exit_code: 1,
            hang_after: None,
            faults: Vec::new(),
            truth_requests: 200_000,
        }
    }
}

impl SimulatorConfig {
    /// Checks what the types cannot say: all settings that are out of range.
    pub fn problems(&self) -> Vec<InvalidConfig> {
        let mut problems = Vec::new();
        let mut check = |good: bool, setting, value: String, expected: String| {
            if !good {
                problems.push(InvalidConfig {
                    setting,
                    value,
                    expected,
                });
            }
        };
        let name = self.model.len();
        check(
            (1..=MAX_MODEL_NAME_BYTES).contains(&name) && !self.model.chars().any(char::is_control),
            "model",
            format!("{name} bytes long"),
            format!("1 to {MAX_MODEL_NAME_BYTES} bytes without control characters"),
        );
        for (setting, value, top) in [
            ("jitter", self.jitter, 1.0),
            ("slowdown", self.slowdown, MAX_SLOWDOWN),
            ("drift", self.drift, MAX_DRIFT),
            ("early_stop", self.early_stop, 1.0),
            ("prefix_hits", self.prefix_hits, 1.0),
        ] {
            check(
                (0.0..=top).contains(&value),
                setting,
                value.to_string(),
                format!("a number from 0 to {top}"),
            );
        }
        let counts = [
            ("max_num_seqs", u64::from(self.max_num_seqs), u64::from(u32::MAX)),
            (
                "default_output_tokens",
                u64::from(self.default_output_tokens),
                u64::from(MAX_OUTPUT_TOKENS),
            ),
            ("kv_cache_tokens", self.kv_cache_tokens, u64::MAX),
            ("die_after", self.die_after.unwrap_or(1), u64::MAX),
            ("hang_after", self.hang_after.unwrap_or(1), u64::MAX),
            (
                "truth_requests",
                self.truth_requests as u64,
                MAX_TRUTH_REQUESTS as u64,
            ),
        ];
        for (setting, value, top) in counts {
            check(
                (1..=top).contains(&value),
                setting,
                value.to_string(),
                format!("from 1 to {top}"),
            );
        }
        let shares: f64 = self.faults.iter().map(|one| one.share).sum();
        // The sum of shares such as 0.1 may miss 1 by a rounding error.
        let sound = self.faults.iter().all(|one| (0.0..=1.0).contains(&one.share)) && shares <= 1.0 + 1e-9;
        check(
            sound && self.faults.len() <= MAX_FAULT_SHARES,
            "faults",
            format!(
                "{} entries with shares that add up to {shares}",
                self.faults.len()
            ),
            format!("at most {MAX_FAULT_SHARES} shares between 0 and 1 that add up to at most 1"),
        );
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_sound_and_survive_json() {
        let config = SimulatorConfig::default();
        assert_eq!(config.problems(), []);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<SimulatorConfig>(&text).unwrap(), config);
        assert_eq!(serde_json::from_str::<SimulatorConfig>("{}").unwrap(), config);
    }

    #[test]
    fn options_read_as_in_a_recipe() {
        let text = r#"{"ttft": "20ms", "max_num_seqs": 8, "role_chunk": "null",
                       "faults": [{"share": 0.1, "fault": "cut-after=3"}]}"#;
        let config: SimulatorConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.ttft, SimDuration::from_millis(20));
        assert_eq!(config.role_chunk, RoleChunk::Null);
        assert_eq!(config.faults[0].fault.to_string(), "cut-after=3");
    }

    #[test]
    fn unknown_and_ill_typed_options_are_refused() {
        for text in [
            r#"{"tttf": "20ms"}"#,
            r#"{"ttft": 20}"#,
            r#"{"ttft": "20"}"#,
            r#"{"port": 70000}"#,
        ] {
            assert!(serde_json::from_str::<SimulatorConfig>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_value_out_of_range_is_named() {
        let config = SimulatorConfig {
            model: String::new(),
            jitter: 1.5,
            slowdown: f64::NAN,
            drift: -0.1,
            prefix_hits: 1.01,
            max_num_seqs: 0,
            die_after: Some(0),
            truth_requests: usize::MAX,
            faults: vec!["0.6:empty".parse().unwrap(), "0.6:role-only".parse().unwrap()],
            ..SimulatorConfig::default()
        };
        let named: Vec<_> = config.problems().iter().map(|problem| problem.setting).collect();
        assert_eq!(
            named,
            [
                "model",
                "jitter",
                "slowdown",
                "drift",
                "prefix_hits",
                "max_num_seqs",
                "die_after",
                "truth_requests",
                "faults"
            ]
        );
    }

    #[test]
    fn the_schema_knows_every_field() {
        let schema = schemars::schema_for!(SimulatorConfig);
        let properties = schema.get("properties").and_then(|all| all.as_object()).unwrap();
        let value = serde_json::to_value(SimulatorConfig::default()).unwrap();
        for field in value.as_object().unwrap().keys() {
            assert!(properties.contains_key(field), "{field}");
        }
    }
}
