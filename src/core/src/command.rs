//! What can be asked of the run's state machine.

use hpcbench_stats::TrialSummary;

use crate::event::{
    BusExited, BusStarted, CancelRequested, CommandRejected, FileSystemProbed, RunCreated, RunResumed,
    StateVerified,
};
use crate::message::Report;
use crate::{Attempt, NodeId, TrialId};

/// One thing that came to the orchestrator from outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A run begins.
    Create(RunCreated),
    /// A former epoch's run goes on.
    Resume(RunResumed),
    /// The bus answers.
    BusUp(BusStarted),
    /// The bus is gone, or did not start.
    BusDown(BusExited),
    /// An agent reports from its node.
    Report {
        /// The node whose credential it used.
        node: NodeId,
        /// What it says.
        report: Report,
    },
    /// An agent's process ended, or could not be started.
    AgentEnded {
        /// Which node.
        node: NodeId,
        /// Which launch on that node.
        launch: u32,
        /// How: `exit code 0`.
        how: String,
    },
    /// Nothing was heard from a node.
    NodeSilent {
        /// Which node.
        node: NodeId,
        /// For how long, seconds.
        seconds: f64,
    },
    /// Somebody wants the run to end.
    Cancel(CancelRequested),
    /// An attempt's shares were put together.
    Measured(Measured),
    /// The file system under the run was tried.
    Probed(FileSystemProbed),
    /// The live state was compared with the log.
    StateChecked(StateVerified),
    /// A command made the state machine panic.
    Reject(CommandRejected),
    /// Time passed.
    Tick,
}

/// What an attempt's shares come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Which trial.
    pub trial: TrialId,
    /// Which execution of it.
    pub attempt: Attempt,
    /// The summary, or why there is none.
    pub result: Result<Box<TrialSummary>, String>,
    /// The service's last log lines.
    pub log_tail: Vec<String>,
}

impl Command {
    /// The command's name, for messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Resume(_) => "resume",
            Self::BusUp(_) => "bus_up",
            Self::BusDown(_) => "bus_down",
            Self::Report { .. } => "report",
            Self::AgentEnded { .. } => "agent_ended",
            Self::NodeSilent { .. } => "node_silent",
            Self::Cancel(_) => "cancel",
            Self::Measured(_) => "measured",
            Self::Probed(_) => "probed",
            Self::StateChecked(_) => "state_checked",
            Self::Reject(_) => "reject",
            Self::Tick => "tick",
        }
    }
}

/// A command that does not fit the state: nothing happens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{command} was refused: {reason}")]
pub struct Rejection {
    /// The command's name.
    pub command: &'static str,
    /// Why.
    pub reason: String,
}
