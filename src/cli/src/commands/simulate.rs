//! `hpcbench simulate`: the simulated inference service as a process of its own.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process;

use anyhow::Context;
use hpcbench_sim::{Exit, FAULT_HELP, FaultShare, RoleChunk, SimDuration, SimulatorConfig, serve};

/// Run a simulated inference service with exact timing and faults on request.
///
/// It speaks OpenAI's chat and completions, Ollama's API, /health and vLLM's /metrics. GET /truth tells what it really
/// did: per X-Request-Id the arrival by the kernel's stamp and the times of sending. The header X-Sim-Fault makes a
/// single request suffer a fault. Prints `listening on http://ADDRESS` once it is bound; ends at SIGTERM or Ctrl-C.
#[derive(Debug, clap::Args)]
pub(crate) struct SimulateArgs {
    /// All settings as one JSON object; the other options overrule it
    #[arg(long, value_name = "JSON", value_parser = parse_options)]
    options: Option<SimulatorConfig>,
    /// Port to listen on; 0 takes a free one [default: 0]
    #[arg(long)]
    port: Option<u16>,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long)]
    host: Option<IpAddr>,
    /// Name of the model that is served [default: simulated]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// From a request's admission to its first token [default: 50ms]
    #[arg(long, value_name = "DURATION")]
    ttft: Option<SimDuration>,
    /// Added to the first-token time for each input token [default: 0ms]
    #[arg(long, value_name = "DURATION")]
    ttft_per_input_token: Option<SimDuration>,
    /// From one token to the next [default: 10ms]
    #[arg(long, value_name = "DURATION")]
    itl: Option<SimDuration>,
    /// First-token time and gaps lie within their value × (1 ± J), J from 0 to 1 [default: 0]
    #[arg(long, value_name = "J")]
    jitter: Option<f64>,
    /// With n requests in the batch all times are multiplied by 1 + S × (n − 1) [default: 0]
    #[arg(long, value_name = "S")]
    slowdown: Option<f64>,
    /// t seconds after the start all times are multiplied by 1 + D × t [default: 0]
    #[arg(long, value_name = "D")]
    drift: Option<f64>,
    /// Most requests in the batch; others wait in the order of their arrival [default: 100000]
    #[arg(long, value_name = "N")]
    max_num_seqs: Option<u32>,
    /// Most requests that wait; more are answered with 503 [default: 100000]
    #[arg(long, value_name = "N")]
    max_queue: Option<u32>,
    /// Output tokens of a request that asks for no number [default: 64]
    #[arg(long, value_name = "N")]
    default_output_tokens: Option<u32>,
    /// Share of the requests that stop before their limit of tokens, unless they ask for `ignore_eos` [default: 0]
    #[arg(long, value_name = "SHARE")]
    early_stop: Option<f64>,
    /// Seed of everything that is drawn [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// What `content` is in the first chunk of a chat: empty, null, or none (no such chunk) [default: empty]
    #[arg(long, value_name = "KIND", value_parser = parse_role_chunk)]
    role_chunk: Option<RoleChunk>,
    /// Share of the input tokens that it claims to have found in a prefix cache, in its metrics [default: 0]
    #[arg(long, value_name = "SHARE")]
    prefix_hits: Option<f64>,
    /// Time until the service says that it is healthy [default: 0ms]
    #[arg(long, value_name = "DURATION")]
    start_delay: Option<SimDuration>,
    /// Never say that it is healthy
    #[arg(long)]
    never_ready: bool,
    /// Time that the first request to Ollama's endpoints waits for the model [default: 0ms]
    #[arg(long, value_name = "DURATION")]
    load_time: Option<SimDuration>,
    /// A connection without a request is closed after this time [default: 1m15s]
    #[arg(long, value_name = "DURATION")]
    keep_alive: Option<SimDuration>,
    /// Faults for a share of the requests; may be repeated
    #[arg(long = "fault", value_name = "SHARE:FAULT", long_help = fault_help())]
    faults: Vec<FaultShare>,
    /// Exit like a crashed server when N inference requests have come
    #[arg(long, value_name = "N")]
    die_after: Option<u64>,
    /// Exit code of that crash [default: 1]
    #[arg(long, value_name = "CODE")]
    die_exit_code: Option<u8>,
    /// Answer nothing any more, health included, when N inference requests have come
    #[arg(long, value_name = "N")]
    hang_after: Option<u64>,
    /// Run directory that this process belongs to. It is not read or written: it only makes the process recognisable in
    /// a process list
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// A setting out of range, an address that cannot be bound, or a poll that fails. A configured crash does not return: it
/// ends the process with the configured code.
pub(crate) fn run(args: &SimulateArgs) -> anyhow::Result<()> {
    if let Some(dir) = &args.run_dir {
        tracing::info!(run_dir = %dir.display(), "started for a run");
    }
    match serve(args.config()).context("the simulated service cannot run")? {
        Exit::Stopped => Ok(()),
        Exit::Died { exit_code } => process::exit(i32::from(exit_code)),
    }
}

impl SimulateArgs {
    /// The settings: the defaults, overruled by `--options`, overruled by the single options.
    fn config(&self) -> SimulatorConfig {
        let base = self.options.clone().unwrap_or_default();
        SimulatorConfig {
            port: self.port.unwrap_or(base.port),
            host: self.host.unwrap_or(base.host),
            model: self.model.clone().unwrap_or(base.model),
            ttft: self.ttft.unwrap_or(base.ttft),
            ttft_per_input_token: self.ttft_per_input_token.unwrap_or(base.ttft_per_input_token),
            itl: self.itl.unwrap_or(base.itl),
            jitter: self.jitter.unwrap_or(base.jitter),
            slowdown: self.slowdown.unwrap_or(base.slowdown),
            drift: self.drift.unwrap_or(base.drift),
            max_num_seqs: self.max_num_seqs.unwrap_or(base.max_num_seqs),
            max_queue: self.max_queue.unwrap_or(base.max_queue),
            default_output_tokens: self.default_output_tokens.unwrap_or(base.default_output_tokens),
            early_stop: self.early_stop.unwrap_or(base.early_stop),
            seed: self.seed.unwrap_or(base.seed),
            role_chunk: self.role_chunk.unwrap_or(base.role_chunk),
            prefix_hits: self.prefix_hits.unwrap_or(base.prefix_hits),
            start_delay: self.start_delay.unwrap_or(base.start_delay),
            never_ready: self.never_ready || base.never_ready,
            load_time: self.load_time.unwrap_or(base.load_time),
            keep_alive: self.keep_alive.unwrap_or(base.keep_alive),
            faults: if self.faults.is_empty() {
                base.faults
            } else {
                self.faults.clone()
            },
            die_after: self.die_after.or(base.die_after),
            die_exit_code: self.die_exit_code.unwrap_or(base.die_exit_code),
            hang_after: self.hang_after.or(base.hang_after),
            ..base
        }
    }
}

fn parse_options(text: &str) -> Result<SimulatorConfig, serde_json::Error> {
    serde_json::from_str(text)
}

fn parse_role_chunk(text: &str) -> Result<RoleChunk, String> {
    serde_json::from_value(text.into()).map_err(|_| "it must be empty, null or none".to_owned())
}

fn fault_help() -> String {
    format!(
        "Faults for a share of the requests, for example 0.01:status=500; may be repeated. The faults: {FAULT_HELP}"
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn config(arguments: &[&str]) -> Result<SimulatorConfig, clap::Error> {
        let arguments = std::iter::once("simulate").chain(arguments.iter().copied());
        Cli::try_parse_from(arguments).map(|cli| cli.args.config())
    }

    #[test]
    fn nothing_given_means_the_defaults() {
        assert_eq!(config(&[]).unwrap(), SimulatorConfig::default());
    }

    #[test]
    fn single_options_overrule_the_object() {
        let object = r#"{"port": 1, "seed": 9, "kv_cache_tokens": 5}"#;
        let config = config(&[
            "--options",
            object,
            "--port",
            "2",
            "--ttft",
            "1.5s",
            "--fault",
            "0.1:empty",
        ])
        .unwrap();
        assert_eq!((config.port, config.seed, config.kv_cache_tokens), (2, 9, 5));
        assert_eq!(config.ttft, SimDuration::from_millis(1_500));
        assert_eq!(config.faults, ["0.1:empty".parse().unwrap()]);
    }

    #[test]
    fn ill_typed_values_are_refused() {
        for arguments in [
            ["--ttft", "50"],
            ["--fault", "empty"],
            ["--role-chunk", "maybe"],
            ["--options", r#"{"prot": 1}"#],
            ["--host", "localhost"],
        ] {
            assert!(config(&arguments).is_err(), "{arguments:?}");
        }
    }
}
