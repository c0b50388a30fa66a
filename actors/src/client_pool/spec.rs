//! From a trial of the plan to what the load engine is asked to do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hpcbench_core::{Attempt, NodeId};
use hpcbench_load::{
    ClientShare, Connections, Cooldown, Dialect, Endpoint, FileFormat, Length, LoadSpec, Pin, PromptSource,
    Prompts, Sampling, Shape, Tls, TokenCount, TraceRequest,
};
use hpcbench_recipes::plan::{Window, WorkloadPlan};
use hpcbench_recipes::recipe::{
    Connections as PlanConnections, Cooldown as PlanCooldown, Endpoint as PlanEndpoint,
    FileFormat as PlanFormat, Load, Pin as PlanPin, Prompts as PlanPrompts, TokenCount as PlanCount,
};
use hpcbench_recipes::trace::{MAX_TRACE_BYTES, Trace, TraceLayout};
use hpcbench_recipes::{DiskFiles, Files as _, TrialPlan};

/// What a client's share of an attempt depends on besides the plan.
pub(super) struct Share {
    pub(super) node: NodeId,
    pub(super) attempt: Attempt,
    /// Position of this client and number of clients.
    pub(super) client: ClientShare,
    /// How many of the clients run on this one's host.
    pub(super) clients_on_host: u32,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) model: String,
    pub(super) scratch: PathBuf,
    /// Whether the service and everything else runs on the same machine.
    pub(super) local: bool,
}

/// The load that this client is to produce; an error says which part of the plan this build cannot carry out.
pub(super) fn load_spec(trial: &TrialPlan, share: Share) -> Result<LoadSpec, String> {
    let workload = &trial.workload;
    Ok(LoadSpec {
        node: share.node.to_string(),
        request_prefix: format!("{}-{}-{}", trial.id, share.attempt, share.node),
        client: share.client,
        clients_on_host: share.clients_on_host,
        endpoints: share.endpoints,
        model: share.model,
        dialect: dialect(workload.endpoint),
        stream: workload.stream,
        shape: shape(&workload.load)?,
        warmup: workload.warmup.as_std(),
        length: length(workload),
        timeout: workload.timeout.as_std(),
        connections: connections(workload.connections),
        prompts: prompts(&workload.prompts),
        sampling: Sampling {
            temperature: Some(workload.sampling.temperature),
            seed: workload.sampling.seed.map(i64::from),
            ignore_eos: workload.sampling.ignore_eos,
        },
        keep_text: workload.keep_text,
        seed: attempt_seed(trial.seed, share.attempt),
        threads: workload.engine.threads,
        pin: pin(workload.engine.pin, share.local),
        keep_awake: workload.engine.keep_awake,
        scratch: share.scratch,
    })
}

/// A later attempt must not find its prompts in the service's cache.
fn attempt_seed(seed: u64, attempt: Attempt) -> u64 {
    const LARGE_ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    seed ^ u64::from(attempt.0.saturating_sub(1)).wrapping_mul(LARGE_ODD)
}

/// One endpoint that the load engine connects to.
pub(super) fn endpoint(
    url: &hpcbench_services::BaseUrl,
    address: SocketAddr,
    key: Option<usize>,
    trust: &hpcbench_services::Trust,
) -> Endpoint {
    let tls = url.is_tls().then(|| Tls {
        server_name: url.host().to_owned(),
        trust: crate::tls::trust(trust),
    });
    Endpoint {
        tls,
        address,
        host: url.authority(),
        base_path: url.base_path().to_owned(),
        key,
    }
}

const fn dialect(endpoint: PlanEndpoint) -> Dialect {
    match endpoint {
        PlanEndpoint::Chat => Dialect::Chat,
        PlanEndpoint::Completions => Dialect::Completions,
        PlanEndpoint::Generate => Dialect::Generate,
        PlanEndpoint::OllamaChat => Dialect::OllamaChat,
    }
}

fn shape(load: &Load) -> Result<Shape, String> {
    let max_in_flight = load.max_in_flight().get();
    Ok(match load {
        Load::Closed {
            concurrency,
            think_time,
            turns,
        } => Shape::Closed {
            concurrency: concurrency.get(),
            think_time: think_time.as_std(),
            turns: *turns,
        },
        Load::Constant { rate, .. } => Shape::Constant {
            rate: rate.per_second(),
            max_in_flight,
        },
        Load::Poisson { rate, .. } => Shape::Poisson {
            rate: rate.per_second(),
            max_in_flight,
        },
        Load::Gamma { rate, burstiness, .. } => Shape::Gamma {
            rate: rate.per_second(),
            burstiness: *burstiness,
            max_in_flight,
        },
        Load::Ramp { from, to, over, .. } => Shape::Ramp {
            from: from.per_second(),
            to: to.per_second(),
            over: over.as_std(),
            max_in_flight,
        },
        Load::Trace {
            path,
            timestamps,
            block_tokens,
            speed,
            ..
        } => {
            let layout = TraceLayout {
                timestamps: *timestamps,
                block_tokens: *block_tokens,
            };
            Shape::Trace {
                requests: read_trace(path.as_ref(), layout)?,
                block_tokens: block_tokens.get(),
                speed: *speed,
                max_in_flight,
            }
        }
    })
}

/// Reads a trace as the recipe's rules did: this may be another machine.
fn read_trace(path: &Path, layout: TraceLayout) -> Result<Arc<[TraceRequest]>, String> {
    let failed = |reason: String| format!("the trace {}: {reason}", path.display());
    let text = DiskFiles.read(path, MAX_TRACE_BYTES + 1);
    let text = text.map_err(|error| failed(format!("it cannot be read: {error}")))?;
    let trace = Trace::parse(&text, layout).map_err(|error| failed(error.to_string()))?;
    let request = |request: hpcbench_recipes::trace::TraceRequest| TraceRequest {
        at: request.at,
        input_tokens: request.input_tokens,
        output_tokens: request.output_tokens,
        blocks: request.blocks,
    };
    Ok(trace.into_requests().into_iter().map(request).collect())
}

fn connections(connections: PlanConnections) -> Connections {
    match connections {
        PlanConnections::Reuse { max_age } => Connections::Reuse {
            max_age: max_age.map(hpcbench_recipes::units::Duration::as_std),
        },
        PlanConnections::Fresh {} => Connections::Fresh,
    }
}

/// On one machine the cores that the client may use are also the service's.
const fn pin(pin: PlanPin, local: bool) -> Pin {
    match pin {
        PlanPin::Auto if local => Pin::Never,
        PlanPin::Auto => Pin::Auto,
        PlanPin::Always => Pin::Always,
        PlanPin::Never => Pin::Never,
    }
}

fn length(workload: &WorkloadPlan) -> Length {
    match workload.window {
        Window::Requests(requests) => Length::Requests(requests.get()),
        Window::Duration(duration) => Length::Duration {
            duration: duration.as_std(),
            cooldown: match workload.cooldown {
                PlanCooldown::Load => Cooldown::Load,
                PlanCooldown::Drain => Cooldown::Drain,
            },
        },
    }
}

fn prompts(prompts: &PlanPrompts) -> Prompts {
    match prompts {
        PlanPrompts::Synthetic {
            input_tokens,
            output_tokens,
            shared_prefix_tokens,
            tokenizer,
            nonce,
        } => Prompts {
            source: PromptSource::Synthetic {
                input_tokens: count(input_tokens),
                shared_prefix_tokens: *shared_prefix_tokens,
            },
            output_tokens: count(output_tokens),
            nonce: *nonce,
            tokenizer: tokenizer.as_ref().map(PathBuf::from),
        },
        PlanPrompts::File {
            path,
            format,
            output_tokens,
            tokenizer,
            nonce,
            salt,
        } => Prompts {
            source: PromptSource::File {
                path: path.into(),
                salt: *salt,
                format: match format {
                    PlanFormat::JsonLines => FileFormat::JsonLines,
                    PlanFormat::Sharegpt => FileFormat::Sharegpt,
                },
            },
            output_tokens: count(output_tokens),
            nonce: *nonce,
            tokenizer: tokenizer.as_ref().map(PathBuf::from),
        },
    }
}

fn count(count: &PlanCount) -> TokenCount {
    match count {
        PlanCount::Fixed(tokens) => TokenCount::Fixed(*tokens),
        PlanCount::Normal(normal) => TokenCount::Normal {
            mean: normal.mean,
            stddev: normal.stddev,
            min: normal.min.get(),
            max: normal.max.get(),
        },
        PlanCount::Choice(choice) => {
            let values: Vec<u32> = choice.values.iter().map(|value| value.get()).collect();
            let weights = if choice.weights.is_empty() {
                vec![1.0; values.len()]
            } else {
                choice.weights.clone()
            };
            TokenCount::Weighted { values, weights }
        }
    }
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
