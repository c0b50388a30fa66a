//! The agent's process: from its greeting to its end.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hpcbench_core::event::{NodeJoined, NodeSuspended};
use hpcbench_core::message::{AgentCommand, CommandReply, Heartbeat, ReportBody};
use hpcbench_core::{Epoch, NodeId, Role};
use hpcbench_nats::{Address, Agent as AgentLink, AgentBus, BusError};
use hpcbench_recipes::Plan;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::ContextParts as Parts;
use super::ending::end_descendants;
use super::greeting::{Greeting, GreetingSource, OrphanOrders, ScratchPlace};
use super::needs::refuse_lack;
use super::{AgentContext, Hosted, LiveLine, orphan, suspension};
use crate::log_collector::LogSources;
use crate::process::{RUN_VARIABLE, Spawner, run_mark};
use crate::shell::{
    AddressError, AddressPolicy, NodeAddress, NodeResources, OutboxReader, Scratch, boot_id, host_facts,
    hostname, open_link_end, outbox, own_address, raise_open_files, scratch_facts,
};

/// How long the bus may take to answer at first.
const CONNECT: Duration = Duration::from_secs(20);
/// How long a report may wait for its receipt while the bus is there, and how long the bus may be away; then the agent
/// ends, and its node counts as lost.
const REPORT: Duration = Duration::from_mins(1);
/// How long an agent that is to end waits for the receipts of its last reports.
const LAST_REPORTS: Duration = Duration::from_secs(5);
/// Pause between two heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Live log lines that may wait.
const LIVE_CAPACITY: usize = 1024;

/// What an agent's process is started with.
#[derive(Debug)]
pub struct AgentSetup {
    /// The run directory.
    pub run_dir: PathBuf,
    /// The node.
    pub node: NodeId,
    /// What it is for.
    pub role: Role,
    /// Our own executable.
    pub hpcbench: PathBuf,
    /// The host's place in the network, where the batch system tells it.
    pub topology: Option<String>,
    /// Where the rest is told.
    pub greeting: GreetingSource,
}

/// Why an agent cannot work.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its parent has not told it what it needs.
    #[error("failed to read the greeting: agents are started by hpcbench, not by hand")]
    Greeting(#[source] std::io::Error),
    /// There is no plan, or another one.
    #[error("failed to read the plan {path}: {problem}")]
    Plan {
        /// Where it was expected.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The system refuses what every agent needs.
    #[error("failed to {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// No address of this node can be used.
    #[error("failed to choose the address that this node's programs listen on")]
    Address(#[from] AddressError),
    /// The node has less than the recipe asks for.
    #[error("node {node} on host {host} has less than the recipe asks for: {}", lacking.join("; "))]
    Lacking {
        /// Which node.
        node: NodeId,
        /// Its host.
        host: String,
        /// What it lacks.
        lacking: Vec<String>,
    },
    /// The orchestrator's node cannot be reached.
    #[error(
        "failed to reach the orchestrator: if this node has no way to its address, name a network that all nodes have in the \
         recipe's network.interface"
    )]
    NoWay(#[source] BusError),
    /// The bus cannot be reached, or a report cannot be delivered.
    #[error("failed to talk to the orchestrator")]
    Bus(#[from] BusError),
    /// Somebody else ends this process.
    #[error("ended by SIGTERM")]
    Terminated,
    /// The bus is gone, and with it the orchestrator.
    #[error("the bus has been away for {seconds} s: the orchestrator is lost")]
    Orphaned {
        /// How long.
        seconds: f64,
    },
}

/// Runs an agent until the orchestrator lets it end or is gone.
///
/// To be called within an actix system. An agent that was greeted over standard input ends its process by itself once that is
/// closed.
pub async fn run_agent(setup: AgentSetup) -> Result<(), AgentError> {
    let system = |what| move |cause| AgentError::System { what, cause };
    let mut terminated = signal(SignalKind::terminate()).map_err(system("watch for SIGTERM"))?;
    let greeting = tokio::select! {
        biased;
        _ = terminated.recv() => return Err(AgentError::Terminated),
        read = setup.greeting.read() => read.map_err(AgentError::Greeting)?,
    };
    if setup.greeting == GreetingSource::StandardInput {
        watch_lifeline();
    }
    // What a killed guard leaves behind becomes our child, and is found.
    nix::sys::prctl::set_child_subreaper(true).map_err(|e| system("become a subreaper")(e.into()))?;
    raise_open_files();
    let plan = Arc::new(read_plan(&setup.run_dir, &greeting.plan)?);
    let means = Means::gather(&setup, &greeting, &plan)?;
    let (scratch, is_own) = (
        means.scratch.clone(),
        matches!(greeting.scratch, ScratchPlace::Below(_)),
    );
    let (epoch, orphan) = (greeting.epoch, greeting.orphan.clone());
    let (run_dir, own_node) = (setup.run_dir.clone(), setup.node.clone());
    let ended = tokio::select! {
        biased;
        _ = terminated.recv() => Err(AgentError::Terminated),
        ended = work(setup, greeting, plan, means) => ended,
    };
    if ended.is_err() {
        end_descendants().await;
    }
    if is_own && let Err(error) = scratch.remove() {
        tracing::warn!(%error, "failed to remove {}", scratch.path().display());
    }
    if let (Err(AgentError::Orphaned { .. }), Some(orders)) = (&ended, orphan) {
        let variables = [
            (RUN_VARIABLE, run_mark(&run_dir)),
            (orphan::NODE_VARIABLE, own_node.as_str().into()),
            (orphan::BOOT_VARIABLE, boot_id(1).into()),
        ];
        take_care(&run_dir, epoch, &orders, &variables, terminated).await;
    }
    ended
}

/// Sees to the job of a lost orchestrator. The batch system may end it meanwhile.
async fn take_care(
    run_dir: &Path,
    epoch: Epoch,
    orders: &OrphanOrders,
    variables: &[(&str, OsString)],
    mut terminated: tokio::signal::unix::Signal,
) {
    let waited = Duration::try_from_secs_f64(orders.timeout_seconds).unwrap_or_default();
    let work = async {
        tokio::time::sleep(orphan::NOTICED.saturating_sub(waited)).await;
        orphan::run_hook(run_dir, epoch, orders, variables).await;
    };
    tokio::select! {
        biased;
        _ = terminated.recv() => {}
        () = work => {}
    }
}

/// What an agent has found on its node to work with.
struct Means {
    address: NodeAddress,
    resources: NodeResources,
    scratch: Scratch,
}

impl Means {
    /// Fails if it is less than the recipe asks for.
    fn gather(setup: &AgentSetup, greeting: &Greeting, plan: &Plan) -> Result<Self, AgentError> {
        let (node, host) = (setup.node.clone(), hostname());
        let resources = NodeResources::gather();
        refuse_lack(plan, &node, setup.role, &resources)?;
        let named = greeting.host.as_ref().unwrap_or(&host);
        let address = own_address(&greeting.address, named, greeting.peer)?;
        let scratch = match &greeting.scratch {
            ScratchPlace::Shared(path) => Ok(Scratch::existing(path.clone())),
            ScratchPlace::Below(base) => {
                Scratch::create_for_agent(base, &greeting.run, greeting.epoch, &node)
            }
        };
        let scratch = scratch.map_err(|cause| AgentError::System {
            what: "create the run's directory on the local disk",
            cause,
        })?;
        Ok(Self {
            address,
            resources,
            scratch,
        })
    }
}

async fn work(
    setup: AgentSetup,
    greeting: Greeting,
    plan: Arc<Plan>,
    means: Means,
) -> Result<(), AgentError> {
    let AgentSetup {
        run_dir,
        node,
        role,
        hpcbench,
        topology,
        ..
    } = setup;
    let system = |what| move |cause| AgentError::System { what, cause };
    let address = Address {
        run: greeting.run,
        url: greeting.bus,
        directory: run_dir.clone(),
    };
    let is_near = greeting.address == AddressPolicy::Loopback;
    let bus = AgentLink::connect(address, node.clone(), greeting.password, CONNECT).await;
    let bus = bus.map_err(|error| match error {
        error @ BusError::Connect { .. } if !is_near => AgentError::NoWay(error),
        error => AgentError::Bus(error),
    })?;
    let bus: Arc<dyn AgentBus> = Arc::new(bus);
    let boot = boot_id(1);
    let (outbox, reports) = outbox(boot.clone(), greeting.epoch);
    let (live, live_feed) = mpsc::channel(LIVE_CAPACITY);
    let spawner = Spawner::start(hpcbench, run_dir.clone());
    let mut facts = host_facts(&means.address, &means.resources);
    facts.link_port = link_end(role, &means.address).await;
    facts.topology = topology;
    if matches!(greeting.scratch, ScratchPlace::Below(_)) {
        facts.scratch = scratch_facts(means.scratch.path());
    }
    let context = Arc::new(AgentContext::new(Parts {
        plan,
        run_dir,
        scratch: means.scratch,
        node: node.clone(),
        role,
        address: means.address,
        resources: means.resources,
        spawner: spawner.map_err(system("start the spawning thread"))?,
        service_secret: greeting.service_secret,
        outbox,
        sources: LogSources::default(),
        live,
    }));
    // Subscribed before the agent says that it is there.
    let mut commands = bus.commands().await?;
    let mut hosted = Hosted::start(Arc::clone(&context), greeting.epoch);
    let joined = NodeJoined {
        node,
        role,
        boot: boot.clone(),
        pid: std::process::id(),
        facts,
    };
    context
        .outbox
        .report(Some(greeting.cause), ReportBody::Joined(joined));
    let (outbox, node) = (context.outbox.clone(), context.node.clone());
    suspension::watch(move |gap| {
        let (node, seconds) = (node.clone(), gap.as_secs_f64());
        outbox.report(None, ReportBody::Suspended(NodeSuspended { node, seconds }));
    })
    .map_err(system("start a thread"))?;
    actix::spawn(beat(Arc::clone(&bus), Arc::clone(&context), boot));
    actix::spawn(feed(Arc::clone(&bus), live_feed));
    actix::spawn(async move {
        while let Some(command) = commands.next().await {
            let reply = match serde_json::from_slice::<AgentCommand>(&command.payload) {
                Ok(order) => hosted.deliver(command.actor, order).await,
                Err(error) => CommandReply {
                    refused: Some(format!("it cannot be read: {error}")),
                },
            };
            command
                .responder
                .respond(serde_json::to_vec(&reply).unwrap_or_default());
        }
    });
    until_orphaned(greeting.orphan.as_ref(), &*bus, reports, &context).await
}

/// The port where clients measure the way to this node, if it has servers and others reach it.
async fn link_end(role: Role, address: &NodeAddress) -> Option<u16> {
    if role != Role::Server || address.address.is_loopback() {
        return None;
    }
    let opened = open_link_end(address.address).await;
    opened
        .inspect_err(|error| tracing::warn!(%error, "the way from clients to this node is not measured"))
        .ok()
}

/// Delivers reports; where no lifeline tells it, until the bus has been away for too long.
async fn until_orphaned(
    orders: Option<&OrphanOrders>,
    bus: &dyn AgentBus,
    reports: OutboxReader,
    context: &AgentContext,
) -> Result<(), AgentError> {
    let Some(seconds) = orders.map(|orders| orders.timeout_seconds) else {
        return deliver_reports(bus, reports, context, REPORT).await;
    };
    let timeout = Duration::try_from_secs_f64(seconds).unwrap_or(REPORT);
    tokio::select! {
        biased;
        delivered = deliver_reports(bus, reports, context, timeout + REPORT) => delivered,
        () = orphan::bus_is_lost(bus.connection(), timeout) => Err(AgentError::Orphaned { seconds }),
    }
}

/// From here on standard input is a lifeline: its end is ours. A thread that ends the process closes the lifelines of our own
/// children.
fn watch_lifeline() {
    std::thread::spawn(|| {
        let mut rest = [0; 64];
        while std::io::stdin().lock().read(&mut rest).is_ok_and(|read| read > 0) {}
        tracing::error!("the orchestrator is gone: this agent ends");
        std::process::exit(1);
    });
}

fn read_plan(run_dir: &Path, hash: &str) -> Result<Plan, AgentError> {
    let path = run_dir.join("plan.json");
    let read = || -> Result<Plan, String> {
        let text = std::fs::read(&path).map_err(|error| error.to_string())?;
        let plan = Plan::read(&text).map_err(|error| error.to_string())?;
        if plan.hash != hash {
            return Err(format!("its hash is {}, not {hash}", plan.hash));
        }
        Ok(plan)
    };
    read().map_err(|problem| AgentError::Plan {
        path: path.clone(),
        problem,
    })
}

/// Sends reports one after the other, each until its receipt; ends when the agent is to end and all are delivered.
async fn deliver_reports(
    bus: &dyn AgentBus,
    mut reports: OutboxReader,
    context: &AgentContext,
    deadline: Duration,
) -> Result<(), AgentError> {
    let mut ended = context.ended();
    let mut overdue = pin!(overdue(context));
    loop {
        let report = tokio::select! {
            biased;
            report = reports.next() => report,
            _ = ended.wait_for(|ended| *ended) => None,
        };
        let Some(report) = report else {
            return Ok(());
        };
        let payload = match serde_json::to_vec(&report) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(%error, "a report cannot be written");
                continue;
            }
        };
        tokio::select! {
            sent = bus.report(report.body.actor(), &report.id, payload.into(), deadline) => sent?,
            () = &mut overdue => {
                tracing::warn!("the last reports have no receipt: the orchestrator has ended its work");
                return Ok(());
            }
        }
    }
}

/// Ends some time after the agent is to end.
async fn overdue(context: &AgentContext) {
    // The sender is in the context.
    let _ = context.ended().wait_for(|ended| *ended).await;
    tokio::time::sleep(LAST_REPORTS).await;
}

async fn beat(bus: Arc<dyn AgentBus>, context: Arc<AgentContext>, boot: String) {
    let mut interval = tokio::time::interval(HEARTBEAT);
    loop {
        interval.tick().await;
        let heartbeat = Heartbeat {
            boot: boot.clone(),
            progress: context.progress(),
        };
        if let Ok(payload) = serde_json::to_vec(&heartbeat)
            && let Err(error) = bus.heartbeat(payload.into()).await
        {
            tracing::debug!(%error, "a heartbeat was not sent");
        }
    }
}

/// Sends live lines. They may be lost, which the next one says; the collected file has them.
async fn feed(bus: Arc<dyn AgentBus>, mut live: mpsc::Receiver<LiveLine>) {
    let mut lost = 0;
    while let Some(mut live) = live.recv().await {
        live.missed += lost;
        let Ok(payload) = serde_json::to_vec(&live) else {
            continue;
        };
        let sent = bus.log_line(live.line.category, payload.into()).await;
        lost = sent.map_or(live.missed + 1, |()| 0);
    }
}
