//! What travels on the bus between the orchestrator and the agents.

use hpcbench_recipes::plan::SearchPoint;
use serde::{Deserialize, Serialize};

use crate::event::{
    ArtifactRecorded, ClientConnected, ClientFailed, CollectionStarted, CollectionStopped, NodeJoined,
    NodeSuspended, ServiceExited, ServiceFailed, ServiceLaunched, ServiceObserved, ServiceRank, ServiceReady,
    ShareReported, TrialPrepared,
};
use crate::{Actor, Attempt, Epoch, InstanceId, NodeId, Seq, TrialId};

/// Names one report for ever: delivery is at least once, the effect exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportId {
    /// The agent's boot id.
    pub boot: String,
    /// Counts the boot's reports, from 1.
    pub counter: u64,
}

/// From an agent to the orchestrator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which report.
    pub id: ReportId,
    /// Highest epoch that the agent has seen.
    pub epoch: Epoch,
    /// The event whose command led to it.
    pub cause: Option<Seq>,
    /// What happened.
    pub body: ReportBody,
}

/// What an agent reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", content = "data", rename_all = "snake_case")]
pub enum ReportBody {
    /// The agent is there.
    Joined(NodeJoined),
    /// The agent stood still.
    Suspended(NodeSuspended),
    /// A service's process runs.
    ServiceLaunched(ServiceLaunched),
    /// A service answers.
    ServiceReady(ServiceReady),
    /// A service did not become ready, or does not answer any more.
    ServiceFailed(ServiceFailed),
    /// A service's process ended.
    ServiceExited(ServiceExited),
    /// The node's instances were read before and after a load.
    ServiceObserved(ServiceObserved),
    /// Logs are being collected.
    CollectionStarted(CollectionStarted),
    /// Logs are complete.
    CollectionStopped {
        /// The summary.
        stopped: CollectionStopped,
        /// The log files.
        files: Vec<ArtifactRecorded>,
    },
    /// The endpoints answer.
    ClientConnected(ClientConnected),
    /// The endpoints do not answer.
    ClientFailed(ClientFailed),
    /// Prompts, descriptors and files are ready.
    TrialPrepared(TrialPrepared),
    /// A share is measured and stored.
    Share(ShareReported),
}

impl ReportBody {
    /// The actor that reports such things.
    pub const fn actor(&self) -> Actor {
        match self {
            Self::ServiceLaunched(_)
            | Self::ServiceReady(_)
            | Self::ServiceFailed(_)
            | Self::ServiceExited(_)
            | Self::ServiceObserved(_) => Actor::Supervisor,
            Self::ClientConnected(_) | Self::ClientFailed(_) | Self::TrialPrepared(_) | Self::Share(_) => {
                Actor::ClientPool
            }
            Self::Joined(_)
            | Self::Suspended(_)
            | Self::CollectionStarted(_)
            | Self::CollectionStopped { .. } => Actor::LogCollector,
        }
    }
}

/// From the orchestrator to an actor of an agent. Idempotent: the same id is carried out once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentCommand {
    /// Which command.
    pub id: String,
    /// The writer's epoch; an agent refuses one lower than the highest it has seen.
    pub epoch: Epoch,
    /// The event that led to it.
    pub cause: Seq,
    /// What to do.
    pub body: CommandBody,
}

/// What an agent is told to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum CommandBody {
    /// Supervisor: start an instance and say when it is ready.
    LaunchService {
        /// Index of the service configuration in the plan.
        service: usize,
        /// Which instance.
        instance: InstanceId,
        /// Which start.
        launch: u32,
        /// Which of the instance's processes; none: it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rank: Option<ServiceRank>,
    },
    /// Supervisor: stop an instance.
    StopService {
        /// Which instance.
        instance: InstanceId,
        /// Which start.
        launch: u32,
    },
    /// Supervisor: read the instances' own counters now, and observe them from now on.
    Observe {
        /// Which trial.
        trial: TrialId,
        /// Which execution of it.
        attempt: Attempt,
        /// The node's instances and their base URLs.
        endpoints: Vec<(InstanceId, String)>,
        /// Where the trial is one of a search: its level and repetition, which no plan names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        point: Option<SearchPoint>,
    },
    /// Supervisor: the load is about to begin.
    ObserveLoad {
        /// Which trial.
        trial: TrialId,
        /// Which execution of it.
        attempt: Attempt,
        /// Milliseconds from the order to the load's start.
        delay_ms: u64,
    },
    /// Supervisor: the load has ended everywhere; read the counters again and report.
    FinishObservation {
        /// Which trial.
        trial: TrialId,
        /// Which execution of it.
        attempt: Attempt,
    },
    /// Supervisor: the attempt is given up, and nobody wants to know what the instances say of it.
    LeaveObservation {
        /// Which trial.
        trial: TrialId,
        /// Which execution of it.
        attempt: Attempt,
    },
    /// Client pool: try the endpoints.
    Connect {
        /// Base URLs.
        endpoints: Vec<String>,
        /// Server nodes, and where the way to each is measured.
        #[serde(default)]
        links: Vec<(NodeId, String)>,
    },
    /// Client pool: get everything ready for an attempt.
    Prepare {
        /// Which trial.
        trial: TrialId,
        /// Which execution of it.
        attempt: Attempt,
        /// All clients that take part, in the order in which they split the load.
        clients: Vec<NodeId>,
        /// Base URLs.
        endpoints: Vec<String>,
        /// Where the trial is one of a search: its level and repetition, which no plan names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        point: Option<SearchPoint>,
    },
    /// Client pool: begin.
    Start {
        /// Which trial.
        trial: TrialId,
        /// Which execution of it.
        attempt: Attempt,
        /// Milliseconds from receipt to the load's start.
        delay_ms: u64,
    },
    /// Client pool: give the attempt up and report what was measured.
    StopAttempt {
        /// Which trial.
        trial: TrialId,
        /// Which execution of it.
        attempt: Attempt,
    },
    /// Log collector: begin.
    Collect,
    /// Log collector: take what is left, report, and let the agent end.
    FinishCollection,
}

impl CommandBody {
    /// The actor that the command is for.
    pub const fn actor(&self) -> Actor {
        match self {
            Self::LaunchService { .. }
            | Self::StopService { .. }
            | Self::Observe { .. }
            | Self::ObserveLoad { .. }
            | Self::FinishObservation { .. }
            | Self::LeaveObservation { .. } => Actor::Supervisor,
            Self::Connect { .. } | Self::Prepare { .. } | Self::Start { .. } | Self::StopAttempt { .. } => {
                Actor::ClientPool
            }
            Self::Collect | Self::FinishCollection => Actor::LogCollector,
        }
    }
}

/// An agent's answer to a command: it was taken or it was not; what comes of it is reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandReply {
    /// Why the command was refused, if it was.
    pub refused: Option<String>,
}

/// What a request to cancel the run carries, over the bus or in a file. As the one who asks says it: nobody checks it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CancelPayload {
    /// Who asks, by login name.
    pub user: Option<String>,
    /// On which host.
    pub host: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// With which command, without what may be secret.
    pub command_line: Vec<String>,
}

/// A sign of life, once a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The agent's boot id.
    pub boot: String,
    /// How the load stands, while there is any.
    pub progress: Option<Progress>,
}

/// How a client's load stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Which trial.
    pub trial: TrialId,
    /// Which execution of it.
    pub attempt: Attempt,
    /// Seconds since the load started.
    pub elapsed_seconds: f64,
    /// Seconds that the load is planned to take; none where a number of requests ends it.
    pub planned_seconds: Option<f64>,
    /// Requests under way.
    pub in_flight: u64,
    /// Requests that ended well.
    pub ok: u64,
    /// Requests that ended otherwise.
    pub failed: u64,
    /// Tokens received.
    pub tokens: u64,
}
