//! Events of the run as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Epoch, NodeId, Phase, Role, RunId, Seq};

/// The program that wrote something, for audits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Version of hpcbench.
    pub version: String,
    /// Git revision that it was built from; `unknown` outside a checkout.
    pub revision: String,
}

/// Who writes an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// Host name.
    pub host: String,
    /// Process id on that host.
    pub pid: u32,
    /// Start time of that process in clock ticks since boot (field 22 of `/proc/PID/stat`): with the pid it names
    /// one process.
    pub process_start: u64,
    /// The kernel's id of that host's boot; none where it was not known, or not written by an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// The inode of the PID namespace that the process id belongs to: nobody outside of it can tell by the id whether the
    /// process lives. None as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_namespace: Option<u64>,
    /// Login name.
    pub user: String,
    /// The program.
    pub program: Program,
}

/// The accepted end of the history that an epoch builds on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochBase {
    /// Epoch that the end lies in; 0 for the first epoch.
    pub epoch: Epoch,
    /// Last accepted seq.
    pub seq: Seq,
    /// Hex SHA-256 of that event's line.
    pub hash: String,
    /// Bytes of that epoch's file up to that end.
    pub bytes: u64,
}

/// Data of `epoch.started`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochStarted {
    /// Number of the epoch.
    pub epoch: Epoch,
    /// What it builds on.
    pub base: EpochBase,
    /// Who writes it.
    pub writer: Writer,
}

/// Data of `run.created`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCreated {
    /// The run's id.
    pub run: RunId,
    /// The recipe's name.
    pub name: String,
    /// Hex SHA-256 of the plan.
    pub plan: String,
    /// Hex SHA-256 of the recipe's bytes.
    pub recipe: String,
    /// Number of trials in the plan; 0 for a search, which finds out while it runs.
    pub trials: u64,
    /// Nodes by token.
    pub nodes: BTreeMap<NodeId, Role>,
    /// Who asked for the run.
    pub user: String,
    /// Where.
    pub host: String,
    /// With which words.
    pub command_line: Vec<String>,
    /// The program.
    pub program: Program,
    /// Versions of the tools that the run uses.
    pub tools: BTreeMap<String, String>,
}

/// Data of `run.resumed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResumed {
    /// Who asked for it.
    pub user: String,
    /// Where.
    pub host: String,
    /// With which words.
    pub command_line: Vec<String>,
    /// Versions of the tools that the run uses from now on.
    pub tools: BTreeMap<String, String>,
    /// Whether failed trials are to be repeated, and a run that has ended is to go on with what was left.
    pub retry_failed: bool,
}

/// Data of `phase.entered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseEntered {
    /// The phase.
    pub phase: Phase,
}

/// Data of `run.suspended`: the orchestrator stood still. What was to be done meanwhile is not overdue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSuspended {
    /// For how long, seconds.
    pub seconds: f64,
}

/// Data of `bus.requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusRequested {
    /// Counts the starts within the epoch, from 1.
    pub launch: u32,
}

/// Data of `bus.started`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusStarted {
    /// Address, without credentials.
    pub url: String,
    /// Process id of nats-server.
    pub pid: u32,
    /// Version of nats-server.
    pub version: String,
}

/// Data of `bus.exited`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusExited {
    /// How it ended, or why it did not start.
    pub reason: String,
}

/// Data of `artifact.recorded`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRecorded {
    /// Path below the run directory.
    pub path: String,
    /// The digest covers the file's first `bytes` bytes.
    pub bytes: u64,
    /// Hex SHA-256.
    pub sha256: String,
}

/// Data of `cancel.requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequested {
    /// What asked: `signal`, `bus`, `file`.
    pub source: String,
    /// Who asked, by login name, where that is known.
    pub user: Option<String>,
    /// On which host, where that is known.
    pub host: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// Whether to end at once instead of in order.
    pub at_once: bool,
    /// With which command, if with one of this program; without what may be secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command_line: Vec<String>,
}

/// Data of `command.rejected`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRejected {
    /// Which command.
    pub command: String,
    /// Why.
    pub reason: String,
}

/// Data of `state.rebuilt`: something panicked in the orchestrator, which went on with the state that the log adds up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRebuilt {
    /// In the middle of what.
    pub during: String,
    /// The panic's message.
    pub reason: String,
}

/// Data of `state.verified`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateVerified {
    /// Both states are those after this event.
    pub through: Seq,
    /// Whether the live state equals the state folded from the log on disk.
    pub equal: bool,
    /// Hex SHA-256 of the folded state's JSON.
    pub sha256: String,
}

/// Data of `run.completed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCompleted {
    /// 0 if every trial is valid, else 1.
    pub exit_code: u8,
}

/// Data of `run.failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailed {
    /// The program's exit code.
    pub exit_code: u8,
    /// What ended the run.
    pub reason: String,
}

/// Data of `run.cancelled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCancelled {
    /// The program's exit code: 1.
    pub exit_code: u8,
    /// Why.
    pub reason: String,
}
