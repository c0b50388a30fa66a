//! The agents: one in this process, the others as children of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use hpcbench_core::message::AgentCommand;
use hpcbench_core::{Actor, Attempt, Command, LogCategory, NodeId, Role, Seq, TrialId};
use hpcbench_recipes::Plan;
use nix::sys::signal::Signal;
use tokio::sync::mpsc;

use super::actor::{Input, Orchestrator};
use super::barrier::Barrier;
use super::bus::BusHost;
use super::client_image;
use super::courier::Courier;
use super::local::LocalAgent;
use super::places::{AgentStart, Place, Places};
use crate::agent::{
    AgentContext, ContextParts, Greeting, GreetingFile, OrphanOrders, ScratchPlace, refuse_lack,
    settle_orphans,
};
use crate::log_collector::{LogSource, TAIL_BYTES, log_tail};
use crate::process::{Child, ChildSpec, Exit, SpawnError};
use crate::shell::{NodeResources, boot_id, describe, outbox, private_file};

/// How long an agent that was let go may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same for one on another node, which ends its services before itself.
const STEP_PATIENCE: Duration = Duration::from_secs(20);
/// Lines at the end of its log that may tell why an agent ended.
const TAIL_LINES: usize = 5;
/// How long the end of an agent's process is kept back, for its last report to arrive first.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// Live log lines of the own node that may wait.
const LIVE_CAPACITY: usize = 1024;

/// Starts, reaches and ends agents.
pub(super) struct Launcher {
    plan: Arc<Plan>,
    bus: Arc<BusHost>,
    places: Arc<Places>,
    local: Option<(NodeId, LocalAgent)>,
    agents: BTreeMap<NodeId, Agent>,
    barrier: Barrier,
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
    /// What it is told cannot be left for it.
    #[error("failed to leave its greeting in the run directory")]
    GreetingFile(#[source] std::io::Error),
    /// It cannot run in its image.
    #[error("it cannot run in the image that the recipe names in nodes.clients.image: {0}")]
    Image(String),
    /// Its place names no program that starts it.
    #[error("the place of node {0} names no program that starts its agent")]
    NoProgram(NodeId),
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
    pub(super) fn new(plan: Arc<Plan>, bus: Arc<BusHost>, places: Places) -> Self {
        Self {
            plan,
            bus,
            places: Arc::new(places),
            local: None,
            agents: BTreeMap::new(),
            barrier: Barrier::default(),
        }
    }

    /// How far apart the clients of an attempt may have begun, where that is known.
    pub(super) fn start_error(&self, trial: &TrialId, attempt: Attempt) -> Option<Duration> {
        self.barrier.error(trial, attempt)
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
        let courier = Courier::start(node.clone(), self.bus.slot.clone(), self.barrier.clone());
        let (let_go, released) = tokio::sync::oneshot::channel();
        self.agents.insert(
            node.clone(),
            Agent {
                courier,
                _let_go: let_go,
            },
        );
        let start = AgentProcess {
            bus: Arc::clone(&self.bus),
            plan: Arc::clone(&self.plan),
            places: Arc::clone(&self.places),
        };
        let orchestrator = orchestrator.clone();
        actix::spawn(async move {
            let how = match start.spawn(&agent).await {
                Ok(started) => {
                    let log = started.log.clone();
                    let exit = started.watch(released).await;
                    // Its last report may still be on the bus, and would find the node gone.
                    tokio::time::sleep(LAST_WORDS).await;
                    with_last_words(exit, &log)
                }
                Err(error) => describe(&error),
            };
            let AgentLaunch { launch, cause, .. } = agent;
            orchestrator.do_send(Input::caused(Command::AgentEnded { node, launch, how }, cause));
        });
    }

    /// Starts the own agent, unless this node lacks what the recipe asks for it.
    fn launch_local(&mut self, agent: AgentLaunch, orchestrator: Addr<Orchestrator>) {
        let node = agent.node.clone();
        let resources = NodeResources::gather();
        if let Err(lack) = refuse_lack(&self.plan, &node, Role::Orchestrator, &resources) {
            let AgentLaunch { launch, cause, .. } = agent;
            let how = describe(&lack);
            orchestrator.do_send(Input::caused(Command::AgentEnded { node, launch, how }, cause));
            return;
        }
        let (outbox, reports) = outbox(boot_id(agent.launch), self.bus.epoch);
        // Nobody subscribes to the own node's live lines over the bus; they are in the collected files.
        let (live, _) = mpsc::channel(LIVE_CAPACITY);
        let context = Arc::new(AgentContext::new(ContextParts {
            plan: Arc::clone(&self.plan),
            run_dir: self.bus.run_dir.clone(),
            scratch: self.bus.scratch.clone(),
            node: node.clone(),
            role: Role::Orchestrator,
            address: self.bus.address.clone(),
            resources,
            spawner: self.bus.spawner.clone(),
            service_secret: self.bus.service_secret.clone(),
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
        if self.places.has_steps()
            && let Err(error) = settle_orphans(&self.bus.run_dir, self.bus.epoch)
        {
            tracing::warn!(%error, "agents that this does not reach may take themselves for orphans");
        }
        self.agents.clear();
        self.local = None;
    }
}

/// What agents' processes are started with.
struct AgentProcess {
    bus: Arc<BusHost>,
    plan: Arc<Plan>,
    places: Arc<Places>,
}

/// An agent's process, or that of the program that has started it elsewhere.
struct Started {
    child: Child,
    log: PathBuf,
    /// Removed at the latest with this.
    greeting: Option<GreetingFile>,
}

impl AgentProcess {
    async fn spawn(&self, agent: &AgentLaunch) -> Result<Started, LaunchError> {
        let AgentLaunch {
            node, role, launch, ..
        } = agent;
        let spawner = &self.bus.spawner;
        let place = self.places.of(node);
        let greeting = self.greeting(agent, &place)?;
        let (log, file) = self.log(agent)?;
        let mut args: Vec<OsString> = vec!["agent".into(), "--run-dir".into(), spawner.run_dir().into()];
        args.extend(["--node", node.as_str(), "--role", role.as_str()].map(OsString::from));
        let mut spec = ChildSpec {
            program: spawner.hpcbench().to_path_buf(),
            args,
            env: Vec::new(),
            inherit_env: true,
            greeting: Vec::new(),
            stdout: None,
            stderr: Some(file),
        };
        let mut left = None;
        match place.start {
            AgentStart::Child => {
                spec.greeting = serde_json::to_vec(&greeting)?;
                spec.greeting.push(b'\n');
            }
            AgentStart::Step { prefix } => {
                let file = GreetingFile::create(spawner.run_dir(), node, *launch, &greeting)
                    .map_err(LaunchError::GreetingFile)?;
                spec.args.extend(["--greeting".into(), file.path().into()]);
                left = Some(file);
                let image = client_image::of(&self.plan, *role, spawner, &self.bus.scratch_base);
                let image = image.map_err(LaunchError::Image)?;
                spec.env = image.variables;
                let mut words = prefix.into_iter().chain(image.words);
                let program = words.next().ok_or_else(|| LaunchError::NoProgram(node.clone()))?;
                let own = std::mem::replace(&mut spec.program, program.into());
                spec.args = words.chain([own.into()]).chain(spec.args).collect();
            }
        }
        Ok(Started {
            child: spawner.spawn(spec).await?,
            log,
            greeting: left,
        })
    }

    fn greeting(&self, agent: &AgentLaunch, place: &Place) -> Result<Greeting, LaunchError> {
        let (bus, node) = (&self.bus, &agent.node);
        let password = bus.passwords.nodes.get(node);
        let password = password.ok_or_else(|| LaunchError::Unplanned(node.clone()))?;
        // Images have none of the batch system's programs.
        let is_outside = |node: &NodeId| {
            !self
                .role(node)
                .is_some_and(|role| client_image::is_used(&self.plan, role))
        };
        let orders = self.places.orphans(node, is_outside);
        let scratch = match place.start {
            AgentStart::Child => ScratchPlace::Shared(bus.scratch.path().to_path_buf()),
            AgentStart::Step { .. } => ScratchPlace::Below(bus.scratch_base.clone()),
        };
        Ok(Greeting {
            run: bus.run.clone(),
            epoch: bus.epoch,
            plan: self.plan.hash.clone(),
            cause: agent.cause,
            bus: bus.url().unwrap_or_default(),
            password: password.clone(),
            service_secret: bus.service_secret.clone(),
            scratch,
            address: place.address.clone(),
            peer: self.places.share_a_host().then_some(bus.address.address),
            host: place.host.clone(),
            orphan: orders.map(|(orphans, rank)| OrphanOrders {
                timeout_seconds: orphans.timeout.as_secs_f64(),
                hook: orphans.hook,
                rank,
            }),
        })
    }

    fn role(&self, node: &NodeId) -> Option<Role> {
        let mut nodes = self.plan.nodes.iter();
        Some(nodes.find(|planned| planned.node == *node)?.role)
    }

    fn log(&self, agent: &AgentLaunch) -> Result<(PathBuf, File), LaunchError> {
        let AgentLaunch { node, launch, .. } = agent;
        let name = format!("agent-{node}-{}-{launch}.log", self.bus.epoch);
        let path = self.bus.scratch.path().join(name);
        let file = private_file(&path).map_err(|cause| LaunchError::Log {
            path: path.clone(),
            cause,
        })?;
        self.bus.sources.add(LogSource {
            path: path.clone(),
            category: LogCategory::Benchmark,
            component: format!("agent-{node}"),
            stream: "stderr",
            correlation: format!("node/{node}"),
        });
        Ok((path, file))
    }
}

impl Started {
    /// Waits for the agent's end; once it is let go, not for long.
    async fn watch(self, mut released: tokio::sync::oneshot::Receiver<()>) -> Exit {
        let (mut child, is_step) = (self.child, self.greeting.is_some());
        tokio::select! {
            exit = child.ended() => return exit,
            _ = &mut released => child.release(),
        }
        let patience = if is_step {
            // Its lifeline does not reach the agent.
            child.signal(Signal::SIGTERM);
            STEP_PATIENCE
        } else {
            PATIENCE
        };
        if tokio::time::timeout(patience, child.ended()).await.is_err() {
            child.signal(Signal::SIGKILL);
        }
        child.ended().await
    }
}

/// How an agent's process ended, with the last complaint in its log: the agent's own, if it has one. That is told whatever the
/// exit code: a program that starts agents elsewhere may end well where the other node did not.
fn with_last_words(exit: Exit, log: &Path) -> String {
    let lines = log_tail(log, TAIL_LINES, TAIL_BYTES);
    let last = |of: fn(&str) -> Option<&str>| lines.iter().rev().find_map(|line| of(line));
    match last(own_complaint).or_else(|| last(complaint)) {
        Some(words) => format!("{exit}: {words}"),
        None => exit.to_string(),
    }
}

/// What a line of this program complains about, without its time and place.
fn own_complaint(line: &str) -> Option<&str> {
    match line.split_once(" ERROR ") {
        Some((_, own)) => Some(own.split_once(": ").map_or(own, |(_, words)| words)),
        None => line.strip_prefix("error: "),
    }
}

/// What another program's line complains about, such as `srun: error: …`.
fn complaint(line: &str) -> Option<&str> {
    line.contains("error: ").then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complaints_tell_why_an_agent_ended() {
        let own =
            "2026-11-25T04:26:04.603493Z ERROR hpcbench::commands::agent: the agent of client ends: no bus";
        assert_eq!(own_complaint(own), Some("the agent of client ends: no bus"));
        let other = "srun: error: Node failure on node5";
        assert_eq!(complaint(other), Some(other));
        assert_eq!(
            complaint("srun: cluster configuration lacks support for cpu binding"),
            None
        );
        assert_eq!(
            complaint("2026-11-25T04:26:04.603493Z  WARN hpcbench: late"),
            None
        );
    }

    #[test]
    fn the_last_complaint_counts() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("agent.log");
        assert_eq!(with_last_words(Exit::Code(0), &log), "exit code 0");
        std::fs::write(&log, "srun: error: one\nsrun: error: two\nsrun: and so on\n").unwrap();
        assert_eq!(
            with_last_words(Exit::Code(0), &log),
            "exit code 0: srun: error: two"
        );
        std::fs::write(
            &log,
            "error: too few GPUs\nsrun: error: n1: task 0: Exited with exit code 3\n",
        )
        .unwrap();
        assert_eq!(with_last_words(Exit::Code(3), &log), "exit code 3: too few GPUs");
    }
}
