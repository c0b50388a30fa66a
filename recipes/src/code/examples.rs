//! What breaks a rule, and what keeps it.

use super::Code;

/// A rule's example: two pieces of a recipe, or of a command's `--set`. What they leave out does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// It breaks the rule.
    pub wrong: &'static str,
    /// It keeps it.
    pub right: &'static str,
}

const fn example(wrong: &'static str, right: &'static str) -> Example {
    Example { wrong, right }
}

/// A recipe with nothing in it that could be left out.
const WHOLE: &str = "\
schema: hpcbench/v1
name: example
service: {kind: simulator}
workload:
  load: {shape: closed, concurrency: 8}
  duration: 5m
  prompts: {source: synthetic, input_tokens: 64, output_tokens: 16}";

impl Code {
    /// A piece of a recipe that breaks the rule, and one that keeps it.
    pub const fn example(self) -> Example {
        match self {
            Self::Syntax
            | Self::TooLarge
            | Self::DuplicateKey
            | Self::UnknownKey
            | Self::MissingKey
            | Self::WrongType
            | Self::WrongValue
            | Self::Unsupported
            | Self::SchemaVersion
            | Self::Override => self.of_form(),
            Self::Window
            | Self::WarmupLength
            | Self::CooldownKind
            | Self::EmptyWindow
            | Self::TokenRange
            | Self::SharedPrefix
            | Self::RampLength
            | Self::Trace
            | Self::TraceLength
            | Self::Conversation
            | Self::WholeAnswers
            | Self::SloSample
            | Self::LittleData => self.of_workload(),
            Self::EndpointDialect
            | Self::Endpoints
            | Self::ServiceOption
            | Self::ServiceAdvice
            | Self::Model
            | Self::SecretName
            | Self::SecretInSlurm
            | Self::MissingFile
            | Self::MissingImage => self.of_service(),
            Self::Resources
            | Self::Cluster
            | Self::TimeLimit
            | Self::TrialLength
            | Self::ClientLimits
            | Self::IdleClients
            | Self::NoEffect => self.of_job(),
            Self::SweepPath
            | Self::SweepZip
            | Self::SweepValue
            | Self::SweepExclude
            | Self::Search
            | Self::SearchSample
            | Self::SweepSize => self.of_sweep(),
        }
    }

    const fn of_form(self) -> Example {
        match self {
            Self::Syntax => example(
                "workload: {load: [}",
                "workload: {load: {shape: closed, concurrency: 8}}",
            ),
            Self::TooLarge => example(
                "metadata: {notes: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[too deep]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
                "metadata: {notes: a text}",
            ),
            Self::DuplicateKey => example("metadata: {notes: one, notes: two}", "metadata: {notes: one}"),
            Self::UnknownKey => example(
                "workload: {load: {shape: closed, concurency: 8}}",
                "workload: {load: {shape: closed, concurrency: 8}}",
            ),
            Self::MissingKey => example(
                "schema: hpcbench/v1\nname: example\nservice: {kind: simulator}",
                WHOLE,
            ),
            Self::WrongType => example(
                "workload: {sampling: {ignore_eos: no}}",
                "workload: {sampling: {ignore_eos: false}}",
            ),
            Self::WrongValue => example("workload: {duration: 5 minutes}", "workload: {duration: 5m}"),
            Self::Unsupported => example(
                "nodes: {clients: {placement: with_servers}}   # without launch.mode: slurm",
                "nodes: {clients: {placement: dedicated}}",
            ),
            Self::SchemaVersion => example("schema: hpcbench/v2", WHOLE),
            _ => example(
                "--set workload.load.concurrency",
                "--set workload.load.concurrency=16",
            ),
        }
    }

    const fn of_workload(self) -> Example {
        match self {
            Self::Window => example(
                "workload: {duration: 5m, requests: 5000}",
                "workload: {duration: 5m}",
            ),
            Self::WarmupLength => example(
                "workload: {warmup: 5m, duration: 1m}",
                "workload: {warmup: 1m, duration: 5m}",
            ),
            Self::CooldownKind => example(
                "workload: {requests: 5000, cooldown: load}",
                "workload: {requests: 5000, cooldown: drain}",
            ),
            Self::EmptyWindow => example("workload: {duration: 0s}", "workload: {duration: 5m}"),
            Self::TokenRange => example(
                "workload: {prompts: {output_tokens: {mean: 500, stddev: 50, max: 256}}}",
                "workload: {prompts: {output_tokens: {mean: 200, stddev: 50, max: 256}}}",
            ),
            Self::SharedPrefix => example(
                "workload: {prompts: {input_tokens: 64, shared_prefix_tokens: 512}}",
                "workload: {prompts: {input_tokens: 1024, shared_prefix_tokens: 512}}",
            ),
            Self::RampLength => example(
                "workload: {duration: 1m, load: {shape: ramp, from: 10, to: 100, over: 5m}}",
                "workload: {duration: 5m, load: {shape: ramp, from: 10, to: 100, over: 5m}}",
            ),
            Self::Trace => example(
                "workload: {warmup: 5m, load: {shape: trace, path: one-minute.jsonl}}",
                "workload: {duration: 1m, load: {shape: trace, path: one-minute.jsonl}}",
            ),
            Self::TraceLength => example(
                "workload: {duration: 5m, load: {shape: trace, path: one-minute.jsonl}}",
                "workload: {duration: 1m, load: {shape: trace, path: one-minute.jsonl}}",
            ),
            Self::Conversation => example(
                "workload: {endpoint: completions, load: {shape: closed, concurrency: 8, turns: 4}}",
                "workload: {endpoint: chat, load: {shape: closed, concurrency: 8, turns: 4}}",
            ),
            Self::WholeAnswers => example(
                "workload: {stream: false, goodput: {ttft: 500ms}}",
                "workload: {stream: false, goodput: {e2e: 5s}}",
            ),
            Self::SloSample => example(
                "workload: {requests: 2000, slo: {ttft_p999: 1s}}",
                "workload: {requests: 20000, slo: {ttft_p999: 1s}}",
            ),
            _ => example("workload: {requests: 20}", "workload: {requests: 2000}"),
        }
    }

    const fn of_service(self) -> Example {
        match self {
            Self::EndpointDialect => example(
                "service: {kind: openai, model: m, endpoints: [\"http://node17:8000/v1\"]}\nworkload: {endpoint: generate}",
                "service: {kind: openai, model: m, endpoints: [\"http://node17:8000/v1\"]}\nworkload: {endpoint: chat}",
            ),
            Self::Endpoints => example(
                "service: {kind: openai, model: m}",
                "service: {kind: openai, model: m, endpoints: [\"http://node17:8000/v1\"]}",
            ),
            Self::ServiceOption => example(
                "service: {kind: vllm, model: m, options: {max_model_len: 1024}}\nworkload: {prompts: {input_tokens: 1000, output_tokens: 100}}",
                "service: {kind: vllm, model: m, options: {max_model_len: 2048}}\nworkload: {prompts: {input_tokens: 1000, output_tokens: 100}}",
            ),
            Self::ServiceAdvice => example(
                "service: {kind: ollama, model: \"llama3.1:8b\", options: {models_dir: /models}}",
                "service: {kind: ollama, model: \"llama3.1:8b\", options: {models_dir: /models, num_parallel: 8}}",
            ),
            Self::Model => example(
                "service: {kind: vllm}",
                "service: {kind: vllm, model: facebook/opt-1.3b}",
            ),
            Self::SecretName => example(
                "service: {kind: vllm, model: m, environment: {HF_TOKEN: hf_…}}",
                "service: {kind: vllm, model: m, secrets: {HF_TOKEN: {file: ~/.hf_token}}}",
            ),
            Self::SecretInSlurm => example(
                "launch: {mode: slurm}\nservice: {kind: vllm, model: m, secrets: [HF_TOKEN]}",
                "launch: {mode: slurm}\nservice: {kind: vllm, model: m, secrets: {HF_TOKEN: {file: ~/.hf_token}}}",
            ),
            Self::MissingFile => example(
                "workload: {prompts: {source: file, path: not-there.jsonl}}",
                "workload: {prompts: {source: file, path: prompts.jsonl}}",
            ),
            _ => example(
                "service: {kind: simulator, image: {path: not-there.sif, source: \"docker://example/image:1\"}}",
                "service: {kind: simulator, image: {path: image.sif, source: \"docker://example/image:1\"}}",
            ),
        }
    }

    const fn of_job(self) -> Example {
        match self {
            Self::Resources => example(
                "nodes: {servers: {gpus: 4, instances_per_node: 4, gpus_per_instance: 2}}",
                "nodes: {servers: {gpus: 4, instances_per_node: 2, gpus_per_instance: 2}}",
            ),
            Self::Cluster => example(
                "nodes: {servers: {gpus: 8}}   # where the partition's nodes have 4",
                "nodes: {servers: {gpus: 4}}",
            ),
            Self::TimeLimit => example(
                "launch: {mode: slurm, time_limit: \"00:30:00\"}\nsweep: {repetitions: 10}",
                "launch: {mode: slurm, time_limit: \"02:00:00\"}\nsweep: {repetitions: 10}",
            ),
            Self::TrialLength => example(
                "launch: {mode: slurm, time_limit: \"00:30:00\"}\nworkload: {duration: 1h}",
                "launch: {mode: slurm, time_limit: \"02:00:00\"}\nworkload: {duration: 1h}",
            ),
            Self::ClientLimits => example(
                "workload: {load: {shape: closed, concurrency: 50000}}",
                "workload: {load: {shape: closed, concurrency: 50000}}\nnodes: {servers: {count: 2}}",
            ),
            Self::IdleClients => example(
                "workload: {load: {shape: closed, concurrency: 2}}\nnodes: {clients: {count: 4}}",
                "workload: {load: {shape: closed, concurrency: 8}}\nnodes: {clients: {count: 4}}",
            ),
            _ => example(
                "launch: {mode: local, partition: gpu}",
                "launch: {mode: slurm, partition: gpu}",
            ),
        }
    }

    const fn of_sweep(self) -> Example {
        match self {
            Self::SweepPath => example(
                "sweep: {matrix: {name: [one, two]}}",
                "sweep: {matrix: {workload.load.concurrency: [1, 2]}}",
            ),
            Self::SweepZip => example(
                "sweep: {zip: [{workload.load.concurrency: [1, 2], workload.duration: [1m]}]}",
                "sweep: {zip: [{workload.load.concurrency: [1, 2], workload.duration: [1m, 2m]}]}",
            ),
            Self::SweepValue => example(
                "sweep: {matrix: {workload.load.concurrency: [8, 8, 8]}}",
                "sweep: {matrix: {workload.load.concurrency: [8]}, repetitions: 3}",
            ),
            Self::SweepExclude => example(
                "sweep: {matrix: {workload.load.concurrency: [1, 2]}, exclude: [{workload.load.rate: 1}]}",
                "sweep: {matrix: {workload.load.concurrency: [1, 2]}, exclude: [{workload.load.concurrency: 1}]}",
            ),
            Self::Search => example(
                "sweep: {search: {parameter: workload.load.concurrency, from: 1, to: 512}}",
                "workload: {slo: {ttft_p95: 500ms}}\nsweep: {search: {parameter: workload.load.concurrency, from: 1, to: 512}}",
            ),
            Self::SearchSample => example(
                "workload: {load: {shape: poisson}, duration: 30s, slo: {ttft_p99: 500ms}}\nsweep: {search: {parameter: workload.load.rate, from: 1, to: 512}}",
                "workload: {load: {shape: poisson}, duration: 30s, slo: {ttft_p90: 500ms}}\nsweep: {search: {parameter: workload.load.rate, from: 8, to: 512}}",
            ),
            _ => example(
                "sweep: {repetitions: 1000, matrix: {workload.load.concurrency: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}}",
                "sweep: {repetitions: 100, matrix: {workload.load.concurrency: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}}",
            ),
        }
    }
}
