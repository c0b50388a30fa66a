//! What can be asked of the run's state machine.

use hpcbench_stats::TrialSummary;

use crate::event::{
    BusExited, BusStarted, CancelRequested, CommandRejected, FileSystemProbed, JobRequested, JobStarted,
    RunCreated, RunResumed, StateVerified,
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
    /// A batch job is to be submitted, which goes on with the run.
    Submit(Submission),
    /// The run lives in this batch job now.
    JobStarted(JobStarted),
    /// The batch system is about to end the job.
    JobEnding {
        /// How that is known.
        reason: String,
        /// Whether everything is about to be killed.
        at_once: bool,
    },
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
    /// This process stood still: its job was suspended, or the machine was.
    StoodStill {
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

/// A run that is handed to a batch job.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The run itself: new, or one that goes on.
    pub run: Submitted,
    /// The job.
    pub job: JobRequested,
}

/// Which run is handed to a batch job.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// A new one.
    New(RunCreated),
    /// One that exists.
    Resumed(RunResumed),
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
    /// Whether it may go on with a run that has ended.
    pub(crate) fn reopens(&self) -> bool {
        match self {
            Self::Resume(resumed) => resumed.retry_failed,
            Self::Submit(submission) => {
                matches!(&submission.run, Submitted::Resumed(resumed) if resumed.retry_failed)
            }
            _ => false,
        }
    }

    /// The command's name, for messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Resume(_) => "resume",
            Self::Submit(_) => "submit",
            Self::JobStarted(_) => "job_started",
            Self::JobEnding { .. } => "job_ending",
            Self::BusUp(_) => "bus_up",
            Self::BusDown(_) => "bus_down",
            Self::Report { .. } => "report",
            Self::AgentEnded { .. } => "agent_ended",
            Self::NodeSilent { .. } => "node_silent",
            Self::StoodStill { .. } => "stood_still",
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
