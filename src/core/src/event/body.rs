//! The event types, their names and their schema versions, in one table.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{client, filesystem, job, node, run, search, service, trial};
use crate::message::ReportId;

/// An event whose data did not fit its type: kept and shown, never dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The event's type.
    pub kind: String,
    /// Its schema version.
    pub version: u16,
    /// Why it could not be read; empty for a type that this version does not know.
    pub problem: String,
    /// Its data, as written.
    pub data: String,
}

/// A body with the id of the report that it was made of.
#[derive(Serialize)]
struct Reported<'a, T> {
    #[serde(flatten)]
    body: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a ReportId>,
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $variant:ident($type:path) = $kind:literal, $version:literal;)*) => {
        /// What happened. The name of a type is `noun.past_participle`.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Body {
            $($(#[$doc])* $variant($type),)*
            /// A type or a shape that this version does not know.
            Unreadable(Unreadable),
        }

        impl Body {
            /// Every type that this version writes, with its schema version.
            pub const KINDS: &'static [(&'static str, u16)] = &[$(($kind, $version)),*];

            /// The event's type.
            pub fn kind(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                    Self::Unreadable(unreadable) => &unreadable.kind,
                }
            }

            /// Schema version of the data.
            pub fn version(&self) -> u16 {
                match self {
                    $(Self::$variant(_) => $version,)*
                    Self::Unreadable(unreadable) => unreadable.version,
                }
            }

            /// The data as the log holds it.
            pub fn to_data(&self, report: Option<&ReportId>) -> Result<Box<RawValue>, serde_json::Error> {
                match self {
                    $(Self::$variant(body) => serde_json::value::to_raw_value(&Reported { body, report }),)*
                    Self::Unreadable(unreadable) => RawValue::from_string(unreadable.data.clone()),
                }
            }

            /// The schema version that this version writes of a type; `None` for a type that it does not know.
            pub(super) fn current_version(kind: &str) -> Option<u16> {
                match kind {
                    $($kind => Some($version),)*
                    _ => None,
                }
            }

            /// Reads current data of a type; `None` for a type that this version does not know.
            pub(super) fn read(kind: &str, data: &str) -> Option<Result<Self, serde_json::Error>> {
                match kind {
                    $($kind => Some(serde_json::from_str(data).map(Self::$variant)),)*
                    _ => None,
                }
            }
        }

        $(impl From<$type> for Body {
            fn from(body: $type) -> Self {
                Self::$variant(body)
            }
        })*
    };
}

bodies! {
    /// The run exists.
    RunCreated(run::RunCreated) = "run.created", 1;
    /// A writer took over the log.
    EpochStarted(run::EpochStarted) = "epoch.started", 1;
    /// An interrupted run goes on.
    RunResumed(run::RunResumed) = "run.resumed", 1;
    /// A batch job is to be submitted.
    JobRequested(job::JobRequested) = "job.requested", 1;
    /// The run lives in a batch job now.
    JobStarted(job::JobStarted) = "job.started", 1;
    /// The job ends before the run does.
    JobEnding(job::JobEnding) = "job.ending", 1;
    /// The file system under the run's files was tried.
    FileSystemProbed(filesystem::FileSystemProbed) = "filesystem.probed", 1;
    /// The orchestrator stood still.
    RunSuspended(run::RunSuspended) = "run.suspended", 1;
    /// One of the six phases began.
    PhaseEntered(run::PhaseEntered) = "phase.entered", 1;
    /// A message bus is to be started.
    BusRequested(run::BusRequested) = "bus.requested", 1;
    /// The bus answers.
    BusStarted(run::BusStarted) = "bus.started", 1;
    /// The bus is gone.
    BusExited(run::BusExited) = "bus.exited", 1;
    /// An agent is to be started on a node.
    AgentRequested(node::AgentRequested) = "agent.requested", 1;
    /// A node's agent reported for duty.
    NodeJoined(node::NodeJoined) = "node.joined", 1;
    /// A node is gone without having been told to go.
    NodeLost(node::NodeLost) = "node.lost", 1;
    /// A node's agent stood still.
    NodeSuspended(node::NodeSuspended) = "node.suspended", 1;
    /// A node was lost too often: the run goes on without it.
    NodeGivenUp(node::NodeGivenUp) = "node.given_up", 1;
    /// A node's agent ended in order.
    NodeLeft(node::NodeLeft) = "node.left", 1;
    /// A node's logs are to be collected.
    CollectionRequested(node::CollectionRequested) = "collection.requested", 1;
    /// A node's logs are being collected.
    CollectionStarted(node::CollectionStarted) = "collection.started", 1;
    /// A node's logs are to be finished.
    CollectionStopRequested(node::CollectionStopRequested) = "collection.stop_requested", 1;
    /// A node's logs are complete.
    CollectionStopped(node::CollectionStopped) = "collection.stopped", 1;
    /// A service instance is to be started.
    ServiceRequested(service::ServiceRequested) = "service.requested", 1;
    /// The instance's process runs.
    ServiceLaunched(service::ServiceLaunched) = "service.launched", 1;
    /// The instance answers.
    ServiceReady(service::ServiceReady) = "service.ready", 1;
    /// The instance did not become ready, or does not answer any more.
    ServiceFailed(service::ServiceFailed) = "service.failed", 1;
    /// The instance is to be stopped.
    ServiceStopRequested(service::ServiceStopRequested) = "service.stop_requested", 1;
    /// The instance's process ended.
    ServiceExited(service::ServiceExited) = "service.exited", 1;
    /// A node's instances were read before and after an attempt's load.
    ServiceObserved(service::ServiceObserved) = "service.observed", 1;
    /// A client is to try the endpoints.
    ClientRequested(client::ClientRequested) = "client.requested", 1;
    /// A client reached the endpoints.
    ClientConnected(client::ClientConnected) = "client.connected", 1;
    /// A client could not reach the endpoints.
    ClientFailed(client::ClientFailed) = "client.failed", 1;
    /// A search needs this trial.
    TrialPlanned(search::TrialPlanned) = "trial.planned", 1;
    /// A search has its answer, or cannot have one.
    SearchEnded(search::SearchEnded) = "search.ended", 1;
    /// A trial is to be executed.
    TrialStarted(trial::TrialStarted) = "trial.started", 1;
    /// A client has its prompts, descriptors and files ready.
    TrialPrepared(trial::TrialPrepared) = "trial.prepared", 1;
    /// All clients were told to begin.
    LoadStarted(trial::LoadStarted) = "load.started", 1;
    /// The trial is to be given up.
    TrialStopRequested(trial::TrialStopRequested) = "trial.stop_requested", 1;
    /// A client's share of the trial is measured and stored.
    ShareReported(trial::ShareReported) = "share.reported", 1;
    /// The trial was executed to its end.
    TrialCompleted(trial::TrialCompleted) = "trial.completed", 1;
    /// The trial failed for good, by a fault of the service or the workload.
    TrialFailed(trial::TrialFailed) = "trial.failed", 1;
    /// The attempt was cut short by something else; the trial may be attempted again.
    TrialInterrupted(trial::TrialInterrupted) = "trial.interrupted", 1;
    /// A file of the run is complete, with its digest.
    ArtifactRecorded(run::ArtifactRecorded) = "artifact.recorded", 1;
    /// Somebody asked to cancel the run.
    CancelRequested(run::CancelRequested) = "cancel.requested", 2;
    /// A command that could not be carried out.
    CommandRejected(run::CommandRejected) = "command.rejected", 1;
    /// After a panic the orchestrator went on with the state that the log adds up to.
    StateRebuilt(run::StateRebuilt) = "state.rebuilt", 1;
    /// The live state was compared with the state folded from the log.
    StateVerified(run::StateVerified) = "state.verified", 1;
    /// The run ended: every trial was executed or has failed.
    RunCompleted(run::RunCompleted) = "run.completed", 1;
    /// The run ended before its trials did.
    RunFailed(run::RunFailed) = "run.failed", 1;
    /// The run ended because somebody wanted it to.
    RunCancelled(run::RunCancelled) = "run.cancelled", 1;
    /// This epoch ended before its trials did; the run may go on in another one.
    RunPaused(job::RunPaused) = "run.paused", 1;
}

impl Body {
    /// What the event belongs to: the run, a node, a service instance, an attempt of a trial.
    pub fn correlation(&self) -> String {
        match self {
            Self::ServiceRequested(e) => format!("service/{}", e.instance),
            Self::ServiceLaunched(e) => format!("service/{}", e.instance),
            Self::ServiceReady(e) => format!("service/{}", e.instance),
            Self::ServiceFailed(e) => format!("service/{}", e.instance),
            Self::ServiceStopRequested(e) => format!("service/{}", e.instance),
            Self::ServiceExited(e) => format!("service/{}", e.instance),
            Self::TrialPlanned(e) => format!("trial/{}", e.trial),
            Self::TrialStarted(e) => format!("trial/{}/{}", e.trial, e.attempt),
            Self::TrialPrepared(e) => format!("trial/{}/{}", e.trial, e.attempt),
            Self::LoadStarted(e) => format!("trial/{}/{}", e.trial, e.attempt),
            Self::TrialStopRequested(e) => format!("trial/{}/{}", e.trial, e.attempt),
            Self::ShareReported(e) => format!("trial/{}/{}", e.trial, e.attempt),
            Self::ServiceObserved(e) => format!("trial/{}/{}", e.trial, e.attempt),
            Self::TrialCompleted(e) => format!("trial/{}/{}", e.trial, e.attempt),
            Self::TrialFailed(e) => format!("trial/{}/{}", e.trial, e.attempt),
            Self::TrialInterrupted(e) => format!("trial/{}/{}", e.trial, e.attempt),
            Self::AgentRequested(e) => format!("node/{}", e.node),
            Self::NodeJoined(e) => format!("node/{}", e.node),
            Self::NodeLost(e) => format!("node/{}", e.node),
            Self::NodeSuspended(e) => format!("node/{}", e.node),
            Self::NodeGivenUp(e) => format!("node/{}", e.node),
            Self::NodeLeft(e) => format!("node/{}", e.node),
            Self::CollectionRequested(e) => format!("node/{}", e.node),
            Self::CollectionStarted(e) => format!("node/{}", e.node),
            Self::CollectionStopRequested(e) => format!("node/{}", e.node),
            Self::CollectionStopped(e) => format!("node/{}", e.node),
            Self::ClientRequested(e) => format!("node/{}", e.node),
            Self::ClientConnected(e) => format!("node/{}", e.node),
            Self::ClientFailed(e) => format!("node/{}", e.node),
            _ => "run".to_owned(),
        }
    }
}
