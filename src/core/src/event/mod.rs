//! Events: the only thing that changes a run's state.

mod body;
mod client;
mod filesystem;
mod job;
mod node;
mod raw;
mod run;
mod search;
mod service;
mod trial;
mod upcast;

pub use body::{Body, Unreadable};
pub use client::{ClientConnected, ClientFailed, ClientRequested, EndpointProbe, LinkProbe};
pub use filesystem::FileSystemProbed;
pub use job::{Afterwards, JobEnding, JobRequested, JobStarted, RunPaused};
pub use node::{
    AgentRequested, CollectionRequested, CollectionStarted, CollectionStopRequested, CollectionStopped,
    HostFacts, NodeGivenUp, NodeJoined, NodeLeft, NodeLost, NodeSuspended, ScratchFacts,
};
pub use raw::{Draft, RawEvent};
pub use run::{
    ArtifactRecorded, BusExited, BusRequested, BusStarted, CancelRequested, CommandRejected, EpochBase,
    EpochStarted, PhaseEntered, Program, RunCancelled, RunCompleted, RunCreated, RunFailed, RunResumed,
    RunSuspended, StateRebuilt, StateVerified, Writer,
};
pub use search::{SearchEnded, TrialPlanned};
pub use service::{
    Rendezvous, ServiceExited, ServiceFailed, ServiceImage, ServiceLaunched, ServiceObserved, ServiceRank,
    ServiceReady, ServiceRequested, ServiceStopRequested,
};
pub use trial::{
    LoadStarted, ShareFiles, ShareReported, StopCause, TrialCompleted, TrialFailed, TrialInterrupted,
    TrialPrepared, TrialStarted, TrialStopRequested,
};
pub use upcast::upcast;

use crate::message::ReportId;
use crate::{NodeId, Seq, Timestamp};

/// An event with a typed body: what the state machine folds.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Position in the history.
    pub seq: Seq,
    /// When it happened, by the writer's clock.
    pub at: Timestamp,
    /// Who says so.
    pub actor: String,
    /// On which node; none while an event is only being considered.
    pub node: Option<NodeId>,
    /// What the event belongs to.
    pub correlation: String,
    /// The event that caused it.
    pub causation: Option<Seq>,
    /// The agent's report that the event was made of.
    pub report: Option<ReportId>,
    /// What happened.
    pub body: Body,
}
