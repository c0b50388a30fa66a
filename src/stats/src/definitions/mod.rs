//! A trial's metrics as other tools define them, recomputed from its records.
//!
//! Only the formulas are theirs: which instants are subtracted, what is divided by what, and how a distribution is
//! summarized. Their overhead, their load patterns and their rounding are not imitated. Common to all:
//!
//! - The requests are those of the trial's cohort, since none of these tools counts its warm-up or a cool-down.
//! - Each of them reads its clock after its read returned. So a chunk's time is that of user space, arrival + read lag.
//! - A request's tokens are the server's count as it is (`usage.completion_tokens`, `eval_count`), hidden reasoning
//!   included, else those of a tokenizer of our own; only GuideLLM falls back to counting chunks.
//! - Quantiles are read from histograms, to within 0.01 %: what is held in memory does not grow with the distribution.
//!
//! ```text
//! Record* ──add──> Recomputation ──finish──> Recomputed
//! ```

mod aiperf;
mod concurrency;
mod early_stopping;
mod guidellm;
mod mlperf;
mod recomputed;
mod statistics;
mod times;
mod totals;
mod vllm;

#[cfg(test)]
mod tests;

use hpcbench_records::Record;
use serde::Serialize;

use crate::GoodputLimits;

pub use recomputed::{Absent, DefinedDistribution, DefinedValue, Recomputed, RecomputedRequests, Unit};

/// Whose definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Definitions {
    /// `vllm bench serve`.
    Vllm,
    /// NVIDIA AIPerf.
    Aiperf,
    /// GuideLLM.
    Guidellm,
    /// MLPerf LoadGen, the server scenario with token latencies.
    Mlperf,
}

impl Definitions {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Vllm, Self::Aiperf, Self::Guidellm, Self::Mlperf];

    /// The name on the command line and in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vllm => "vllm",
            Self::Aiperf => "aiperf",
            Self::Guidellm => "guidellm",
            Self::Mlperf => "mlperf",
        }
    }
}

/// Computes a trial's metrics by one tool's definitions, a record at a time.
pub struct Recomputation {
    tool: Box<dyn Tool>,
}

/// What a tool makes of the cohort's records.
trait Tool {
    /// Takes a request of the cohort into account, unless we stopped it.
    fn add(&mut self, record: &Record);

    /// What the records add up to.
    fn finish(self: Box<Self>) -> Recomputed;
}

impl Recomputation {
    /// Begins a trial; `goodput` are its limits, for the tools that have a goodput.
    pub fn new(definitions: Definitions, goodput: &GoodputLimits) -> Self {
        let tool: Box<dyn Tool> = match definitions {
            Definitions::Vllm => Box::new(vllm::Vllm::new(goodput)),
            Definitions::Aiperf => Box::<aiperf::Aiperf>::default(),
            Definitions::Guidellm => Box::<guidellm::Guidellm>::default(),
            Definitions::Mlperf => Box::<mlperf::Mlperf>::default(),
        };
        Self { tool }
    }

    /// Takes a request of any client into account. Those outside the cohort do not matter.
    pub fn add(&mut self, record: &Record) {
        if record.cohort {
            self.tool.add(record);
        }
    }

    /// What the records add up to.
    pub fn finish(self) -> Recomputed {
        self.tool.finish()
    }
}
