//! The agents: one in this process, the others as children of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use hpcbench_core::message::AgentCommand;
use hpcbench_core::{Actor, Command, LogCategory, NodeId, Role, Seq};
use hpcbench_recipes::Plan;
use nix::sys::signal::Signal;
use tokio::sync::mpsc;

use super::actor::{Input, Orchestrator};
use super::bus::BusHost;
use super::courier::Courier;
use super::local::LocalAgent;
use crate::agent::{AgentContext, ContextParts, Greeting};
use crate::log_collector::LogSource;
use crate::process::{Child, ChildSpec, SpawnError};
use crate::shell::{boot_id, describe, outbox, private_file};

/// How long an agent that was let go may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long the end of an agent's process is kept back, for its last report to arrive first.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// Live log lines of the own node that may wait.
const LIVE_CAPACITY: usize = 1024;

/// Starts, reaches and ends agents.
pub(super) struct Launcher {
    plan: Arc<Plan>,
    bus: Arc<BusHost>,
    local: Option<(NodeId, LocalAgent)>,
    agents: BTreeMap<NodeId, Agent>,
}

/// An agent that is to be started.
pub(super) struct AgentLaunch {
    pub(super) node: NodeId,
    pub(super) role: Role,
    /// Which start.
    pub(super) launch: u32,
    /// The event that asks for it.
    pub(super) cause: Seq,
}

/// An agent that was not started.
#[derive(Debug, thiserror::Error)]
enum LaunchError {
    /// The plan has no such node, so that the bus would not let it in.
    #[error("node {0} has no password for the bus: the plan does not name it")]
    Unplanned(NodeId),
    /// What it is told cannot be written.
    #[error("failed to write its greeting")]
    Greeting(#[from] serde_json::Error),
    /// Its log cannot be created.
    #[error("failed to create its log {}", path.display())]
    Log {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// The system does not start it.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

struct Agent {
    courier: Courier,
    // Dropping it ends the agent.
    _let_go: tokio::sync::oneshot::Sender<()>,
}

impl Launcher {
    pub(super) const fn new(plan: Arc<Plan>, bus: Arc<BusHost>) -> Self {
        Self {
            plan,
            bus,
            local: None,
            agents: BTreeMap::new(),
        }
    }

    pub(super) fn is_local(&self, node: &NodeId) -> bool {
        self.local.as_ref().is_some_and(|(local, _)| local == node)
    }

    /// Starts an agent; its end is reported to the orchestrator.
    pub(super) fn launch(&mut self, agent: AgentLaunch, orchestrator: &Addr<Orchestrator>) {
        if agent.role == Role::Orchestrator {
            self.launch_local(agent, orchestrator.clone());
            return;
        }
        let node = agent.node.clone();
        let courier = Courier::start(node.clone(), self.bus.slot.clone());
        let (let_go, released) = tokio::sync::oneshot::channel();
        self.agents.insert(
            node.clone(),
            Agent {
                courier,
                _let_go: let_go,
            },
        );
        let (bus, plan, orchestrator) = (
            Arc::clone(&self.bus),
            Arc::clone(&self.plan),
            orchestrator.clone(),
        );
        actix::spawn(async move {
            let how = match spawn(&bus, &plan, &agent).await {
                Ok(child) => {
                    let how = watch(child, released).await;
                    // Its last report may still be on the bus, and would find the node gone.
                    tokio::time::sleep(LAST_WORDS).await;
                    how
                }
                Err(error) => describe(&error),
            };
            let AgentLaunch { launch, cause, .. } = agent;
            orchestrator.do_send(Input::caused(Command::AgentEnded { node, launch, how }, cause));
        });
    }

    fn launch_local(&mut self, agent: AgentLaunch, orchestrator: Addr<Orchestrator>) {
        let node = agent.node.clone();
        let (outbox, reports) = outbox(boot_id(agent.launch), self.bus.epoch);
        // Nobody subscribes to the own node's live lines over the bus; they are in the collected files.
        let (live, _) = mpsc::channel(LIVE_CAPACITY);
        let context = Arc::new(AgentContext::new(ContextParts {
            plan: Arc::clone(&self.plan),
            run_dir: self.bus.run_dir.clone(),
            scratch: self.bus.scratch.clone(),
            node: node.clone(),
            role: Role::Orchestrator,
            spawner: self.bus.spawner.clone(),
            outbox,
            sources: self.bus.sources.clone(),
            live,
        }));
        let local = LocalAgent::start(context, reports, self.bus.epoch, agent, orchestrator);
        self.local = Some((node, local));
    }

    /// Hands a command to a node's agent.
    pub(super) fn send(&self, node: &NodeId, actor: Actor, command: AgentCommand) {
        match (&self.local, self.agents.get(node)) {
            (Some((local, agent)), _) if local == node => agent.send(actor, command),
            (_, Some(agent)) => agent.courier.send(actor, command),
            // It was lost meanwhile, which the state machine knows.
            _ => tracing::debug!(%node, id = command.id, "there is no agent for a command"),
        }
    }

    /// Ends a node's agent and everything below it.
    pub(super) fn kill(&mut self, node: &NodeId) {
        self.agents.remove(node);
        if self.is_local(node) {
            self.local = None;
        }
    }

    /// Ends all.
    pub(super) fn end(&mut self) {
        self.agents.clear();
        self.local = None;
    }
}

async fn spawn(bus: &BusHost, plan: &Plan, agent: &AgentLaunch) -> Result<Child, LaunchError> {
    let AgentLaunch {
        node,
        role,
        launch,
        cause,
    } = agent;
    let spawner = &bus.spawner;
    let password = bus.passwords.nodes.get(node);
    let password = password.ok_or_else(|| LaunchError::Unplanned(node.clone()))?;
    let greeting = Greeting {
        run: bus.run.clone(),
        epoch: bus.epoch,
        plan: plan.hash.clone(),
        cause: *cause,
        bus: bus.url().unwrap_or_default(),
        password: password.clone(),
        scratch: bus.scratch.path().to_path_buf(),
    };
    let mut line = serde_json::to_vec(&greeting)?;
    line.push(b'\n');
    let path = bus
        .scratch
        .path()
        .join(format!("agent-{node}-{}-{launch}.log", bus.epoch));
    let log = private_file(&path).map_err(|cause| LaunchError::Log {
        path: path.clone(),
        cause,
    })?;
    bus.sources.add(LogSource {
        path,
        category: LogCategory::Benchmark,
        component: format!("agent-{node}"),
        stream: "stderr",
        correlation: format!("node/{node}"),
    });
    let mut args: Vec<OsString> = vec!["agent".into(), "--run-dir".into(), spawner.run_dir().into()];
    args.extend(["--node", node.as_str(), "--role", role.as_str()].map(OsString::from));
    let spec = ChildSpec {
        program: spawner.hpcbench().to_path_buf(),
        args,
        env: Vec::new(),
        inherit_env: true,
        greeting: line,
        stdout: None,
        stderr: Some(log),
    };
    Ok(spawner.spawn(spec).await?)
}

/// Waits for the agent's end; once it is let go, not for long.
async fn watch(mut child: Child, mut released: tokio::sync::oneshot::Receiver<()>) -> String {
    tokio::select! {
        exit = child.ended() => return exit.to_string(),
        _ = &mut released => child.release(),
    }
    if tokio::time::timeout(PATIENCE, child.ended()).await.is_err() {
        child.signal(Signal::SIGKILL);
    }
    child.ended().await.to_string()
}
