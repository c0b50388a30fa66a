//! What the actors of a node share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use actix::Message;
use hpcbench_core::message::{AgentCommand, Progress};
use hpcbench_core::{NodeId, Role};
use hpcbench_nats::Secret;
use hpcbench_recipes::Plan;
use tokio::sync::{mpsc, watch};

use super::live::{LiveLine, LiveLines};
use crate::log_collector::LogSources;
use crate::process::Spawner;
use crate::shell::{NodeAddress, NodeResources, Outbox, Scratch};

/// A command on its way to an actor of this node, which takes it or says why not.
#[derive(Debug, Clone)]
pub struct Deliver(pub AgentCommand);

impl Message for Deliver {
    type Result = Result<(), String>;
}

/// What the actors of a node share.
pub struct AgentContext {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// The run directory.
    pub run_dir: PathBuf,
    /// The run's directory on this node's disk.
    pub scratch: Scratch,
    /// This node.
    pub node: NodeId,
    /// What it is for.
    pub role: Role,
    /// What its programs listen on.
    pub address: NodeAddress,
    /// What its programs may use.
    pub resources: NodeResources,
    /// Starts processes.
    pub spawner: Spawner,
    /// What the tokens of the run's services are made of.
    pub service_secret: Secret,
    /// Takes reports.
    pub outbox: Outbox,
    /// The logs on this node.
    pub sources: LogSources,
    /// Takes what may be lost.
    pub live: LiveLines,
    /// How the load stands.
    progress: Mutex<Option<Progress>>,
    under_load: watch::Sender<bool>,
    ended: watch::Sender<bool>,
}

/// The parts that a context is made of.
pub(crate) struct Parts {
    pub(crate) plan: Arc<Plan>,
    pub(crate) run_dir: PathBuf,
    pub(crate) scratch: Scratch,
    pub(crate) node: NodeId,
    pub(crate) role: Role,
    pub(crate) address: NodeAddress,
    pub(crate) resources: NodeResources,
    pub(crate) spawner: Spawner,
    pub(crate) service_secret: Secret,
    pub(crate) outbox: Outbox,
    pub(crate) sources: LogSources,
    pub(crate) live: mpsc::Sender<LiveLine>,
}

impl AgentContext {
    /// Puts the parts together.
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            plan: parts.plan,
            run_dir: parts.run_dir,
            scratch: parts.scratch,
            node: parts.node,
            role: parts.role,
            address: parts.address,
            resources: parts.resources,
            spawner: parts.spawner,
            service_secret: parts.service_secret,
            outbox: parts.outbox,
            sources: parts.sources,
            live: LiveLines::new(parts.live),
            progress: Mutex::new(None),
            under_load: watch::Sender::new(false),
            ended: watch::Sender::new(false),
        }
    }

    /// Lets the agent end once its reports are delivered.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Turns true when the agent is to end.
    pub fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    /// A trial needs this node's services from now on, or does not any more.
    pub fn set_under_load(&self, under_load: bool) {
        self.under_load.send_replace(under_load);
    }

    /// True while a trial needs this node's services, from before its load until after it.
    pub fn under_load(&self) -> watch::Receiver<bool> {
        self.under_load.subscribe()
    }

    /// Whether the agent is to end.
    pub fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// The load stands so; none: there is no load.
    pub fn set_progress(&self, progress: Option<Progress>) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// How the load stands, while there is one.
    pub fn progress(&self) -> Option<Progress> {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
