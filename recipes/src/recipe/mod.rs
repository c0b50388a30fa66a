//! The recipe as a user writes it, `schema: hpcbench/v1`.
//!
//! These types are the one source of the JSON Schema: a field's doc comment is its documentation, in editors and in
//! the guide.

mod client;
mod kind;
mod launch;
mod load;
mod nodes;
mod objectives;
mod observe;
mod prompts;
mod search;
mod service;
mod sweep;
mod workload;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use client::{Connections, Engine, Pin};
pub use kind::ServiceKind;
pub use launch::{Launch, LaunchMode, Network, OnNodeLoss, OnTimeLimit, Storage};
pub use load::{Load, Timestamps};
pub use nodes::{
    ClientNodes, ClientPlacement, CpuBind, Nodes, OrchestratorNode, OrchestratorPlacement, ServerNodes,
    SlurmOptions,
};
pub use objectives::{Goodput, InvalidSloTarget, Metric, Percentile, Slo, SloTarget, Tolerance};
pub use observe::{GpuMonitoring, LogCategory, LogFormat, Logging, Monitoring, Report, ReportFormat};
pub use prompts::{ChoiceCount, FileFormat, NormalCount, Prompts, TokenCount};
pub use search::{Search, SearchedParameter};
pub use service::{Health, Image, Restart, SecretFile, Secrets, Service};
pub use sweep::{Order, Sweep};
pub(crate) use workload::default_stream;
pub use workload::{Cooldown, Endpoint, Sampling, Workload};

/// The recipe layouts that this build reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SchemaVersion {
    /// The first layout.
    #[serde(rename = "hpcbench/v1")]
    V1,
}

/// A benchmark: what to start, how to load it, what to vary and what to keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "hpcbench recipe")]
pub struct Recipe {
    /// The layout of this file: `hpcbench/v1`.
    pub schema: SchemaVersion,
    /// The recipe's name; run ids begin with it. Lower-case letters, digits, `_` and `-`.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_-]*$"), length(max = 40))]
    pub name: String,
    /// One line on what is measured and why.
    #[serde(default)]
    pub description: String,
    /// Tags and notes; nothing depends on them.
    #[serde(default)]
    pub metadata: Metadata,
    /// Where the run happens: on this machine or as a Slurm job.
    #[serde(default)]
    pub launch: Launch,
    /// How many nodes each role has, and their resources.
    #[serde(default)]
    pub nodes: Nodes,
    /// Which network the nodes use to talk to each other.
    #[serde(default)]
    pub network: Network,
    /// Where bulky intermediate data lies.
    #[serde(default)]
    pub storage: Storage,
    /// The service that is benchmarked.
    pub service: Service,
    /// The load that is put on the service.
    pub workload: Workload,
    /// What to vary: each point of the sweep, times the repetitions, is a trial.
    #[serde(default)]
    pub sweep: Sweep,
    /// What is sampled while a trial runs.
    #[serde(default)]
    pub monitoring: Monitoring,
    /// Which logs are collected, and for how long they stay.
    #[serde(default)]
    pub logging: Logging,
    /// Which reports are written at the end.
    #[serde(default)]
    pub report: Report,
}

/// Tags and notes; nothing depends on them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metadata {
    /// Words to find the run by.
    pub tags: Vec<String>,
    /// Free text.
    pub notes: String,
}
