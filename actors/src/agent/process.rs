//! The agent's process: from its greeting to its end.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hpcbench_core::event::NodeJoined;
use hpcbench_core::message::{AgentCommand, CommandReply, Heartbeat, ReportBody};
use hpcbench_core::{NodeId, Role};
use hpcbench_nats::{Address, Agent as AgentLink, AgentBus, BusError};
use hpcbench_recipes::Plan;
use tokio::sync::mpsc;

use super::ContextParts as Parts;
use super::{AgentContext, Greeting, Hosted, Live};
use crate::log_collector::LogSources;
use crate::process::Spawner;
use crate::shell::{OutboxReader, Scratch, boot_id, host_facts, outbox};

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
/// Longest greeting.
const MAX_GREETING_BYTES: u64 = 64 * 1024;

/// Why an agent cannot work.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its parent has not told it what it needs.
    #[error("failed to read the greeting from standard input: agents are started by hpcbench, not by hand")]
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
    /// The bus cannot be reached, or a report cannot be delivered.
    #[error("failed to talk to the orchestrator")]
    Bus(#[from] BusError),
}

/// Runs an agent until the orchestrator lets it end or is gone.
///
/// To be called within an actix system. Once standard input is closed the process ends by itself.
pub async fn run_agent(
    run_dir: &Path,
    node: NodeId,
    role: Role,
    hpcbench: PathBuf,
) -> Result<(), AgentError> {
    let greeting = read_greeting()?;
    let plan = Arc::new(read_plan(run_dir, &greeting.plan)?);
    let system = |what| move |cause| AgentError::System { what, cause };
    // What a killed guard leaves behind becomes our child, and is found.
    nix::sys::prctl::set_child_subreaper(true).map_err(|e| system("become a subreaper")(e.into()))?;
    let address = Address {
        run: greeting.run.clone(),
        url: greeting.bus.clone(),
        directory: run_dir.to_path_buf(),
    };
    let bus = AgentLink::connect(address, node.clone(), greeting.password.clone(), CONNECT).await?;
    let bus: Arc<dyn AgentBus> = Arc::new(bus);
    let boot = boot_id(1);
    let (outbox, reports) = outbox(boot.clone(), greeting.epoch);
    let (live, live_feed) = mpsc::channel(LIVE_CAPACITY);
    let spawner = Spawner::start(hpcbench, run_dir.to_path_buf());
    let context = Arc::new(AgentContext::new(Parts {
        plan,
        run_dir: run_dir.to_path_buf(),
        scratch: Scratch::existing(greeting.scratch),
        node: node.clone(),
        role,
        spawner: spawner.map_err(system("start the spawning thread"))?,
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
        facts: host_facts(),
    };
    context
        .outbox
        .report(Some(greeting.cause), ReportBody::Joined(joined));
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
    deliver_reports(&*bus, reports, &context).await
}

fn read_greeting() -> Result<Greeting, AgentError> {
    let mut line = String::new();
    let stdin = std::io::stdin();
    let mut input = BufReader::new(stdin.lock().take(MAX_GREETING_BYTES));
    input.read_line(&mut line).map_err(AgentError::Greeting)?;
    let greeting = serde_json::from_str(&line).map_err(|error| AgentError::Greeting(error.into()))?;
    // From here on standard input is a lifeline: its end is ours. A thread that ends the process closes the lifelines
    // of our own children.
    std::thread::spawn(|| {
        let mut rest = [0; 64];
        while std::io::stdin().lock().read(&mut rest).is_ok_and(|read| read > 0) {}
        tracing::error!("the orchestrator is gone: this agent ends");
        std::process::exit(1);
    });
    Ok(greeting)
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
            sent = bus.report(report.body.actor(), &report.id, payload.into(), REPORT) => sent?,
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

async fn feed(bus: Arc<dyn AgentBus>, mut live: mpsc::Receiver<Live>) {
    while let Some(Live::Log(line)) = live.recv().await {
        if let Ok(payload) = serde_json::to_vec(&line) {
            // Live lines may be lost; the collected file has them.
            let _ = bus.log_line(line.category, payload.into()).await;
        }
    }
}
