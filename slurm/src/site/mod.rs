//! Site files: what a cluster is like, so that recipes need not say it.

mod draft;
mod load;

use serde::{Deserialize, Serialize};

use crate::time::TimeLimit;

pub use draft::{Found, NodeFound};
pub use load::{DEFAULT_SITE, SiteError, site_directories};

/// What a cluster is like.
///
/// A site file is trusted as its reader's own shell is: the lines of its `preamble` are run in every job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// What the file is about, for people.
    #[serde(default)]
    pub description: String,
    /// Partitions of roles for which the recipe names none.
    #[serde(default)]
    pub partitions: Partitions,
    /// Whether jobs are refused without a project account.
    #[serde(default)]
    pub account_required: bool,
    /// The quality of service, where the recipe names none.
    #[serde(default)]
    pub qos: Option<String>,
    /// Environment modules, with their versions, where the recipe names none.
    #[serde(default)]
    pub modules: Vec<String>,
    /// How GPUs are asked for.
    #[serde(default)]
    pub gpu_request: GpuRequest,
    /// Whether jobs may say how much memory they want.
    #[serde(default = "yes")]
    pub memory_request: bool,
    /// Whether jobs get whole nodes.
    #[serde(default)]
    pub exclusive: Exclusive,
    /// The interface of the fast network: a name, a CIDR or a suffix of host names.
    #[serde(default)]
    pub interface: Option<String>,
    /// Value of `NCCL_IB_HCA`.
    #[serde(default)]
    pub nccl_ib_hca: Option<String>,
    /// Value of `UCX_NET_DEVICES`.
    #[serde(default)]
    pub ucx_net_devices: Option<String>,
    /// A node-local directory with space for records, caches and staged files.
    #[serde(default)]
    pub scratch: Option<String>,
    /// Proxies that lead out of the cluster.
    #[serde(default)]
    pub proxies: Proxies,
    /// Where the internet can be reached.
    #[serde(default)]
    pub internet: Internet,
    /// Lines of shell that each job runs before anything else, after its modules are loaded.
    #[serde(default)]
    pub preamble: Vec<String>,
    /// The time limit of jobs whose recipe states none.
    #[serde(default)]
    pub time_limit: Option<TimeLimit>,
    /// What no job may exceed.
    #[serde(default)]
    pub limits: Limits,
}

impl Site {
    /// Variables that steer its fast network.
    pub fn fabric_variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let variables = [
            ("NCCL_IB_HCA", &self.nccl_ib_hca),
            ("UCX_NET_DEVICES", &self.ucx_net_devices),
        ];
        variables
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

fn yes() -> bool {
    true
}

/// Partitions by role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Partitions {
    /// Of servers with GPUs; and of those without, unless `cpu_servers` says otherwise.
    pub servers: Option<String>,
    /// Of servers without GPUs.
    pub cpu_servers: Option<String>,
    /// Of clients.
    pub clients: Option<String>,
    /// Of an orchestrator with a node of its own; none: the clients'.
    pub orchestrator: Option<String>,
}

/// How GPUs are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GpuRequest {
    /// `--gres=gpu:N`.
    #[default]
    Gres,
    /// `--gpus-per-node=N`.
    GpusPerNode,
    /// Not at all: whoever gets a node gets its GPUs.
    None,
}

/// Whether jobs get whole nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exclusive {
    /// As the recipe says.
    #[default]
    AsAsked,
    /// Always: the partitions give out whole nodes only.
    Always,
    /// Never: the site refuses `--exclusive`.
    Never,
}

/// Proxies that lead out of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Proxies {
    /// Value of `http_proxy`.
    pub http: Option<String>,
    /// Value of `https_proxy`.
    pub https: Option<String>,
    /// Value of `no_proxy`.
    pub no_proxy: Option<String>,
}

/// Where the internet can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Internet {
    /// On login nodes.
    pub login: bool,
    /// On compute nodes.
    pub compute: bool,
}

impl Default for Internet {
    fn default() -> Self {
        Self {
            login: true,
            compute: false,
        }
    }
}

/// What no job may exceed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The longest time limit.
    pub max_time: Option<TimeLimit>,
    /// The most nodes, over all components.
    pub max_nodes: Option<u32>,
}
