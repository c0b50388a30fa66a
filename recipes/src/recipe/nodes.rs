//! How many nodes each role has, and their resources.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Size;

/// How many nodes each role has, and their resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Nodes {
    /// Nodes that run the service.
    pub servers: ServerNodes,
    /// Nodes that drive the load.
    pub clients: ClientNodes,
    /// The node that holds the event log and the bus.
    pub orchestrator: OrchestratorNode,
}

/// What a role asks of Slurm where it differs from the whole job.
///
/// Not a struct of the recipe: its fields stand in each role's mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlurmOptions {
    /// The partition.
    pub partition: Option<String>,
    /// The project account.
    pub account: Option<String>,
    /// The quality of service.
    pub qos: Option<String>,
    /// The reservation.
    pub reservation: Option<String>,
    /// Node features that are required.
    pub constraint: Option<String>,
    /// The type of GPU.
    pub gpu_type: Option<String>,
    /// Whether the nodes are not shared with other jobs.
    pub exclusive: Option<bool>,
    /// More options for this role's part of the job.
    pub directives: Vec<String>,
}

/// Declares a role's mapping: its own fields, then those that every role shares. (`flatten` would lose the checks for
/// unknown keys.)
macro_rules! role_nodes {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
            /// The partition, if not the job's.
            pub partition: Option<String>,
            /// The project account, if not the job's.
            pub account: Option<String>,
            /// The quality of service, if not the job's.
            pub qos: Option<String>,
            /// The reservation, if not the job's.
            pub reservation: Option<String>,
            /// Node features that are required, such as `a100`.
            pub constraint: Option<String>,
            /// The type of GPU to ask for.
            pub gpu_type: Option<String>,
            /// Whether the nodes are not shared with other jobs, if not as the job says.
            pub exclusive: Option<bool>,
            /// More `#SBATCH` options for this role's part of the job.
            pub directives: Vec<String>,
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: $default,)*
                    partition: None,
                    account: None,
                    qos: None,
                    reservation: None,
                    constraint: None,
                    gpu_type: None,
                    exclusive: None,
                    directives: Vec::new(),
                }
            }
        }

        impl $name {
            /// What the role asks of Slurm where it differs from the whole job.
            pub fn slurm(&self) -> SlurmOptions {
                SlurmOptions {
                    partition: self.partition.clone(),
                    account: self.account.clone(),
                    qos: self.qos.clone(),
                    reservation: self.reservation.clone(),
                    constraint: self.constraint.clone(),
                    gpu_type: self.gpu_type.clone(),
                    exclusive: self.exclusive,
                    directives: self.directives.clone(),
                }
            }
        }
    };
}

role_nodes! {
    /// Nodes that run the service.
    ServerNodes {
        /// How many nodes.
        #[schemars(range(min = 1, max = 10_000))]
        count: NonZeroU32 = NonZeroU32::MIN,
        /// GPUs of each node.
        gpus: u32 = 0,
        /// CPUs of each node; none: what the partition gives.
        cpus: Option<NonZeroU32> = None,
        /// Memory of each node; none: what the partition gives.
        memory: Option<Size> = None,
        /// Instances of the service on each node.
        #[schemars(range(min = 1, max = 64))]
        instances_per_node: NonZeroU32 = NonZeroU32::MIN,
        /// GPUs of each instance; none: the node's, divided evenly.
        gpus_per_instance: Option<u32> = None,
        /// CPUs of each instance; none: the node's, divided evenly.
        cpus_per_instance: Option<NonZeroU32> = None,
    }
}

role_nodes! {
    /// Nodes that drive the load.
    ClientNodes {
        /// How many nodes.
        #[schemars(range(min = 1, max = 10_000))]
        count: NonZeroU32 = NonZeroU32::MIN,
        /// CPUs of each node; none: what the partition gives.
        cpus: Option<NonZeroU32> = None,
        /// Memory of each node; none: what the partition gives.
        memory: Option<Size> = None,
        /// Whether clients have nodes of their own or share the servers'.
        placement: ClientPlacement = ClientPlacement::Dedicated,
        /// Client agents on each node.
        #[schemars(range(min = 1, max = 64))]
        agents_per_node: NonZeroU32 = NonZeroU32::MIN,
        /// Whether each agent is bound to a NUMA node.
        cpu_bind: CpuBind = CpuBind::None,
        /// The file of a container image that the agents of Slurm jobs run in; none: they run as they are. This very program is
        /// shown inside, so that the image need not have it.
        #[serde(skip_serializing_if = "Option::is_none")]
        image: Option<String> = None,
    }
}

role_nodes! {
    /// The node that holds the event log and the bus.
    OrchestratorNode {
        /// Whether the orchestrator has a node of its own.
        placement: OrchestratorPlacement = OrchestratorPlacement::Shared,
        /// CPUs for the orchestrator; none: what the partition gives.
        cpus: Option<NonZeroU32> = None,
        /// Memory for the orchestrator; none: what the partition gives.
        memory: Option<Size> = None,
    }
}

/// Whether clients have nodes of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientPlacement {
    /// Nodes of their own.
    #[default]
    Dedicated,
    /// On the server nodes; results are `suspect` at best.
    WithServers,
}

/// Whether the orchestrator has a node of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrchestratorPlacement {
    /// On the first client node.
    #[default]
    Shared,
    /// A node of its own.
    Dedicated,
}

/// How client agents are bound to CPUs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CpuBind {
    /// Not at all.
    #[default]
    None,
    /// Each agent to one NUMA node.
    Numa,
}
