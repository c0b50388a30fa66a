//! Events of nodes, their agents and their log collectors.

use serde::{Deserialize, Serialize};

use crate::{NodeId, Role};

/// Data of `agent.requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRequested {
    /// Where.
    pub node: NodeId,
    /// For what.
    pub role: Role,
    /// Counts the starts on this node, from 1: with the node it names one launch.
    pub launch: u32,
}

/// The file system of the directory that a node puts into what is not for the run directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScratchFacts {
    /// Name of its type, such as `xfs`; a hexadecimal number for a type that is not known.
    pub kind: String,
    /// Bytes that may still be written there; quotas may allow less.
    pub free_bytes: u64,
    /// What is wrong with it for that purpose, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What an agent found on its node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// Processors that the agent may use.
    pub cpus: u32,
    /// Physical memory, bytes.
    pub memory_bytes: u64,
    /// Limit of open files.
    pub open_files: u64,
    /// The processors that the agent may use, as the kernel lists them: `0-3,8`. Empty: not known.
    #[serde(default)]
    pub cpu_list: String,
    /// Limit of the agent's control group, bytes.
    #[serde(default)]
    pub memory_limit_bytes: Option<u64>,
    /// The GPUs that the agent may use, as CUDA names them.
    #[serde(default)]
    pub gpus: Vec<String>,
    /// The address that the node's programs listen on.
    #[serde(default)]
    pub address: Option<String>,
    /// Its interface.
    #[serde(default)]
    pub interface: Option<String>,
    /// The interface's speed in Mbit/s, where the driver says it.
    #[serde(default)]
    pub speed_mbps: Option<u64>,
    /// The port at that address where the way to the node is measured; only on server nodes that others reach over a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_port: Option<u16>,
    /// Limit of locked memory in bytes, which fast networks need; none: no limit, or not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_memory_bytes: Option<u64>,
    /// The host's place in the network, where the batch system tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology: Option<String>,
    /// Its scratch directory; none if that is another agent's on the same host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<ScratchFacts>,
}

/// Data of `node.joined`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeJoined {
    /// Which node.
    pub node: NodeId,
    /// Its role.
    pub role: Role,
    /// The agent's boot id.
    pub boot: String,
    /// The agent's process id.
    pub pid: u32,
    /// What it found there.
    pub facts: HostFacts,
}

/// Data of `node.lost`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLost {
    /// Which node.
    pub node: NodeId,
    /// How that was noticed.
    pub reason: String,
}

/// Data of `node.suspended`: the node's agent stood still, and with it whatever it measured. Its job was suspended, or the
/// machine was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeSuspended {
    /// Which node.
    pub node: NodeId,
    /// For how long, seconds.
    pub seconds: f64,
}

/// Data of `node.given_up`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeGivenUp {
    /// Which node.
    pub node: NodeId,
    /// How it was lost last.
    pub reason: String,
}

/// Data of `node.left`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLeft {
    /// Which node.
    pub node: NodeId,
}

/// Data of `collection.requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionRequested {
    /// Whose logs.
    pub node: NodeId,
}

/// Data of `collection.started`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionStarted {
    /// Whose logs.
    pub node: NodeId,
    /// Which categories.
    pub categories: Vec<String>,
}

/// Data of `collection.stop_requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionStopRequested {
    /// Whose logs.
    pub node: NodeId,
}

/// Data of `collection.stopped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionStopped {
    /// Whose logs.
    pub node: NodeId,
    /// Lines collected.
    pub lines: u64,
    /// Bytes that were given up because a line or the log was above its limit.
    pub dropped_bytes: u64,
}
