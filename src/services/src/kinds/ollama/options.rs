//! Ollama's options, and what they mean for the server's environment.

use std::num::NonZeroU32;

use hpcbench_recipes::ServiceProblem;
use hpcbench_recipes::recipe::{Nodes, Service as ServiceSection, Workload};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::demand::{clients, gpus_per_instance, longest_request};
use crate::options::{self, ABSOLUTE, PROGRAM, Reserved};

/// Variables that hpcbench sets.
pub(super) const RESERVED: &[Reserved] = &[
    ("OLLAMA_HOST", "hpcbench chooses the address and a free port"),
    ("OLLAMA_MODELS", "use `options.models_dir`"),
    ("OLLAMA_NUM_PARALLEL", "use `options.num_parallel`"),
    ("OLLAMA_MAX_QUEUE", "use `options.max_queue`"),
    ("OLLAMA_MAX_LOADED_MODELS", "use `options.max_loaded_models`"),
    ("OLLAMA_CONTEXT_LENGTH", "use `options.context_length`"),
    ("OLLAMA_FLASH_ATTENTION", "use `options.flash_attention`"),
    ("OLLAMA_KV_CACHE_TYPE", "use `options.kv_cache_type`"),
    ("OLLAMA_SCHED_SPREAD", "use `options.spread`"),
    (
        "OLLAMA_KEEP_ALIVE",
        "the model stays loaded until the server ends",
    ),
    (
        "OLLAMA_NOPRUNE",
        "servers that share a directory of models must not prune it",
    ),
    ("OLLAMA_LOAD_TIMEOUT", "use `health.timeout`"),
];

/// Options of `service.kind: ollama`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "OllamaOptions")]
pub(super) struct Options {
    /// The program: an absolute path, in the image if there is one, or a name to look up in PATH.
    #[schemars(regex(pattern = PROGRAM), length(max = 4096))]
    pub(super) program: String,
    /// The directory that holds the models, an absolute path that all server nodes see. Servers only read it.
    #[schemars(regex(pattern = ABSOLUTE), length(max = 4096))]
    pub(super) models_dir: Option<String>,
    /// Requests that an instance serves at once; further ones wait in its queue.
    #[schemars(range(max = 4096))]
    pub(super) num_parallel: NonZeroU32,
    /// Requests that wait at an instance; more are refused.
    #[schemars(range(max = 1_000_000))]
    pub(super) max_queue: NonZeroU32,
    /// Models that are loaded at once.
    #[schemars(range(max = 64))]
    pub(super) max_loaded_models: NonZeroU32,
    /// Tokens of a request: the longest prompt with its answer.
    #[schemars(range(max = 10_000_000))]
    pub(super) context_length: NonZeroU32,
    /// Whether flash attention is used; none: as the server chooses.
    pub(super) flash_attention: Option<bool>,
    /// The type of the key-value cache; none: `f16`. The others need `flash_attention`.
    pub(super) kv_cache_type: Option<KvCacheType>,
    /// Whether a model that fits on one GPU is spread over all of the instance's.
    pub(super) spread: bool,
}

/// The type of the key-value cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum KvCacheType {
    /// 16 bits.
    F16,
    /// About 8 bits.
    Q8_0,
    /// About 4 bits.
    Q4_0,
}

impl KvCacheType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            program: "ollama".to_owned(),
            models_dir: None,
            num_parallel: NonZeroU32::MIN,
            max_queue: NonZeroU32::MIN.saturating_add(16_383),
            max_loaded_models: NonZeroU32::MIN,
            context_length: NonZeroU32::MIN.saturating_add(4095),
            flash_attention: None,
            kv_cache_type: None,
            spread: false,
        }
    }
}

impl Options {
    /// The variables that carry them.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let switch = |on: bool| if on { "1" } else { "0" }.to_owned();
        let mut variables = vec![
            ("OLLAMA_NUM_PARALLEL", self.num_parallel.to_string()),
            ("OLLAMA_MAX_QUEUE", self.max_queue.to_string()),
            ("OLLAMA_MAX_LOADED_MODELS", self.max_loaded_models.to_string()),
            ("OLLAMA_CONTEXT_LENGTH", self.context_length.to_string()),
            ("OLLAMA_SCHED_SPREAD", switch(self.spread)),
        ];
        let given = [
            ("OLLAMA_MODELS", self.models_dir.clone()),
            ("OLLAMA_FLASH_ATTENTION", self.flash_attention.map(switch)),
            (
                "OLLAMA_KV_CACHE_TYPE",
                self.kv_cache_type.map(|kind| kind.as_str().to_owned()),
            ),
        ];
        variables.extend(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
        variables
    }

    /// What the schema cannot say.
    pub(super) fn problems(&self, service: &ServiceSection, workload: &Workload) -> Vec<ServiceProblem> {
        let mut problems = options::environment(service, RESERVED);
        if self.models_dir.is_none() {
            problems.push(options::problem(
                "models_dir",
                "Ollama needs the directory that holds its models",
                "add its absolute path: options: {models_dir: /project/ollama/models}",
            ));
        }
        problems.extend(service.model.as_deref().and_then(check_tag));
        problems.extend(self.check_context(longest_request(workload)));
        if let Some(clients) = clients(workload) {
            problems.extend(self.check_queue(clients));
            let is_chosen = service.options.contains_key("num_parallel");
            problems.extend((clients > 1 && !is_chosen).then(|| queue_advice(clients)));
        }
        let is_quantized = self.kv_cache_type.is_some_and(|kind| kind != KvCacheType::F16);
        if is_quantized && self.flash_attention != Some(true) {
            problems.push(options::problem(
                "kv_cache_type",
                "Ollama ignores this without flash attention",
                "add flash_attention: true",
            ));
        }
        problems
    }

    fn check_context(&self, longest: u64) -> Option<ServiceProblem> {
        let context = u64::from(self.context_length.get());
        (longest > context).then(|| {
            let message = format!(
                "a prompt and its answer take up to {longest} tokens; Ollama would cut them to {context}"
            );
            let help = format!("set `context_length` to {longest} or more: a chat template adds some");
            options::problem("context_length", message, help)
        })
    }

    /// Clients are spread over the endpoints; in the worst case one instance is all there is.
    fn check_queue(&self, clients: u32) -> Option<ServiceProblem> {
        let room = self.max_queue.get().saturating_add(self.num_parallel.get());
        (clients > room).then(|| {
            let message =
                format!("{clients} clients may be more than an instance's queue: it would refuse requests");
            options::problem(
                "max_queue",
                message,
                format!("set `max_queue` to {clients} or more"),
            )
        })
    }

    /// GPUs that would be idle.
    pub(super) fn problems_with(&self, nodes: &Nodes) -> Vec<ServiceProblem> {
        let gpus = gpus_per_instance(nodes);
        if gpus < 2 || self.spread {
            return Vec::new();
        }
        let message = format!(
            "Ollama puts a model that fits on one GPU there: {} of {gpus} may be idle",
            gpus - 1
        );
        let help = "run one instance for each GPU (nodes.servers.instances_per_node), or set spread: true";
        vec![options::advice("spread", message, help)]
    }
}

fn queue_advice(clients: u32) -> ServiceProblem {
    options::advice(
        "num_parallel",
        format!("an instance serves one request at a time: {clients} clients would measure its queue"),
        "say how many it is to serve at once: num_parallel",
    )
}

/// A name without a tag means `latest`, which the server's lists spell out.
fn check_tag(model: &str) -> Option<ServiceProblem> {
    let name = model.rsplit('/').next().unwrap_or(model);
    (!name.contains(':')).then(|| ServiceProblem {
        path: vec!["model".to_owned()],
        advice_only: false,
        message: "the model's tag is missing".to_owned(),
        help: Some(format!("write {model}:latest, or the tag that is meant")),
    })
}
