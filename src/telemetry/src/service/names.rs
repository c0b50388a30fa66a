//! The names that servers give to the same things.

/// Whose names a server uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// vLLM's, which the simulated service uses too.
    Vllm,
    /// llama.cpp's server, started with `--metrics`.
    LlamaCpp,
}

/// How the values of one name under several labels become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// They are parts of a whole.
    Sum,
    /// The largest counts.
    Max,
}

/// One thing that servers measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    Running,
    Waiting,
    KvCacheUse,
    PrefixQueries,
    PrefixHits,
    Preemptions,
    Finished,
    QueueSeconds,
    QueueCount,
    PromptTokens,
    GenerationTokens,
}

impl Quantity {
    pub(super) const fn merge(self) -> Merge {
        match self {
            Self::KvCacheUse => Merge::Max,
            _ => Merge::Sum,
        }
    }
}

/// vLLM 0.22, and the names that its versions since 0.6 used for the same.
const VLLM: &[(&str, Quantity)] = &[
    ("vllm:num_requests_running", Quantity::Running),
    ("vllm:num_requests_waiting", Quantity::Waiting),
    ("vllm:kv_cache_usage_perc", Quantity::KvCacheUse),
    ("vllm:gpu_cache_usage_perc", Quantity::KvCacheUse),
    ("vllm:prefix_cache_queries_total", Quantity::PrefixQueries),
    ("vllm:gpu_prefix_cache_queries_total", Quantity::PrefixQueries),
    ("vllm:prefix_cache_hits_total", Quantity::PrefixHits),
    ("vllm:gpu_prefix_cache_hits_total", Quantity::PrefixHits),
    ("vllm:num_preemptions_total", Quantity::Preemptions),
    ("vllm:request_success_total", Quantity::Finished),
    ("vllm:request_queue_time_seconds_sum", Quantity::QueueSeconds),
    ("vllm:request_queue_time_seconds_count", Quantity::QueueCount),
    ("vllm:prompt_tokens_total", Quantity::PromptTokens),
    ("vllm:generation_tokens_total", Quantity::GenerationTokens),
];

const LLAMA_CPP: &[(&str, Quantity)] = &[
    ("llamacpp:requests_processing", Quantity::Running),
    ("llamacpp:requests_deferred", Quantity::Waiting),
    ("llamacpp:kv_cache_usage_ratio", Quantity::KvCacheUse),
    ("llamacpp:prompt_tokens_total", Quantity::PromptTokens),
    ("llamacpp:tokens_predicted_total", Quantity::GenerationTokens),
];

impl Dialect {
    /// What all its names begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Vllm => "vllm:",
            Self::LlamaCpp => "llamacpp:",
        }
    }

    pub(super) fn quantity(self, name: &str) -> Option<Quantity> {
        let names = match self {
            Self::Vllm => VLLM,
            Self::LlamaCpp => LLAMA_CPP,
        };
        names
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, quantity)| *quantity)
    }
}
