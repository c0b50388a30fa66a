//! The run's nats-server, and the orchestrator's handle on it.

mod slot;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::Addr;
use hpcbench_core::event::{BusExited, BusStarted};
use hpcbench_core::message::{Heartbeat, Report};
use hpcbench_core::{Command, Epoch, LogCategory, RunId, Seq};
use hpcbench_nats::{
    Address, Launch, Orchestrator as Link, OrchestratorBus, Passwords, Pong, Port, Rendezvous, Secret,
    ServerConfig, find_server,
};
use nix::sys::signal::Signal;

use super::OrchestratorError;
use super::actor::{Ack, Heard, Input, Orchestrator};
use super::publisher::LogReader;
use crate::log_collector::{LogSource, LogSources, TAIL_BYTES, log_tail};
use crate::process::{Child, ChildSpec, Guarding, Spawner};
use crate::shell::{NodeAddress, Scratch, describe, private_file, successor_of};
pub(super) use slot::BusSlot;

/// How long nats-server may take to be ready, and its client to connect.
const READY: Duration = Duration::from_secs(15);
/// Pause before a failed start is told, and so before the next.
const AGAIN: Duration = Duration::from_millis(200);
/// Seconds that nats-server has to end before it is killed.
const GRACE_SECONDS: u32 = 5;

/// What the bus is started with.
pub(super) struct BusHost {
    pub(super) run: RunId,
    pub(super) run_dir: PathBuf,
    pub(super) epoch: Epoch,
    /// The end of the history before this epoch.
    pub(super) base: Seq,
    pub(super) scratch: Scratch,
    /// Where the bus's store is: there as well, as a rule.
    pub(super) store: Scratch,
    /// Where agents of other nodes put what is not for the run directory.
    pub(super) scratch_base: PathBuf,
    /// What it listens on.
    pub(super) address: NodeAddress,
    pub(super) passwords: Passwords,
    /// What the tokens of the run's services are made of.
    pub(super) service_secret: Secret,
    pub(super) spawner: Spawner,
    pub(super) sources: LogSources,
    pub(super) slot: BusSlot,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    port: Option<u16>,
    url: Option<String>,
    server: Option<Arc<Child>>,
    stopping: bool,
}

impl BusHost {
    #[expect(
        clippy::too_many_arguments,
        reason = "each part is a different thing that only the run knows"
    )]
    pub(super) fn new(
        run: RunId,
        run_dir: PathBuf,
        epoch: Epoch,
        base: Seq,
        scratch: Scratch,
        store: Scratch,
        scratch_base: PathBuf,
        address: NodeAddress,
        passwords: Passwords,
        service_secret: Secret,
        spawner: Spawner,
        sources: LogSources,
    ) -> Self {
        let (slot, running) = (BusSlot::new(), Mutex::default());
        Self {
            run,
            run_dir,
            epoch,
            base,
            scratch,
            store,
            scratch_base,
            address,
            passwords,
            service_secret,
            spawner,
            sources,
            slot,
            running,
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bus's address, once it is up.
    pub(super) fn url(&self) -> Option<String> {
        self.running().url.clone()
    }

    /// Starts the server and tells the orchestrator what becomes of it, until it ends.
    pub(super) async fn host(self: Arc<Self>, launch: u32, cause: Seq, orchestrator: Addr<Orchestrator>) {
        let down = |reason: String| Input::caused(Command::BusDown(BusExited { reason }), cause);
        let server = match self.start(launch).await {
            Ok((server, started)) => {
                if let Err(reason) = self.connect(&orchestrator).await {
                    server.signal(Signal::SIGTERM);
                    server.ended().await;
                    orchestrator.do_send(down(reason));
                    return;
                }
                orchestrator.do_send(Input::caused(Command::BusUp(started), cause));
                server
            }
            Err(reason) => {
                // Where clients look for it first may be taken by now; a new `bus.json` tells them of another place.
                self.running().port = None;
                tokio::time::sleep(AGAIN).await;
                orchestrator.do_send(down(reason));
                return;
            }
        };
        let exit = server.ended().await;
        if !self.running().stopping {
            orchestrator.do_send(down(format!("nats-server ended with {exit}")));
        }
    }

    async fn start(&self, launch: u32) -> Result<(Arc<Child>, BusStarted), String> {
        let program = find_server().map_err(|error| error.to_string())?;
        let port = self.running().port.map_or(Port::Free, Port::Fixed);
        let config = ServerConfig {
            run: self.run.clone(),
            run_directory: self.run_dir.clone(),
            store: self
                .store
                .dir("nats")
                .map_err(|error| format!("failed to create its store: {error}"))?,
            host: self.address.address,
            port,
            passwords: self.passwords.clone(),
        };
        let plan = config.launch(program).map_err(|error| describe(&error))?;
        plan.prepare().map_err(|error| describe(&error))?;
        let server = Arc::new(self.spawn(&plan, launch).await?);
        let url = tokio::select! {
            ready = plan.await_ready(READY) => ready.map_err(|error| describe(&error))?,
            exit = server.ended() => return Err(format!("nats-server ended with {exit}: {}", self.last_words(launch))),
        };
        let rendezvous = Rendezvous::new(
            self.run.clone(),
            self.epoch,
            url.clone(),
            self.passwords.observer.clone(),
            self.passwords.control.clone(),
        );
        // The start took a while, in which this orchestrator may have been given up: `bus.json` is its successor's then.
        if let Some(by) = successor_of(&self.run_dir, self.epoch) {
            server.signal(Signal::SIGTERM);
            return Err(OrchestratorError::Fenced { by }.to_string());
        }
        rendezvous
            .write(&self.run_dir)
            .map_err(|error| describe(&error))?;
        let mut running = self.running();
        running.port = url.rsplit(':').next().and_then(|port| port.parse().ok());
        running.url = Some(url.clone());
        running.server = Some(Arc::clone(&server));
        let version = version(&self.log_path(launch)).unwrap_or_else(|| "unknown".to_owned());
        let started = BusStarted {
            url,
            pid: server.pid(),
            version,
        };
        Ok((server, started))
    }

    fn log_path(&self, launch: u32) -> PathBuf {
        self.scratch
            .path()
            .join(format!("nats-server-{}-{launch}.log", self.epoch))
    }

    fn last_words(&self, launch: u32) -> String {
        log_tail(&self.log_path(launch), 3, TAIL_BYTES).join(" / ")
    }

    async fn spawn(&self, plan: &Launch, launch: u32) -> Result<Child, String> {
        let path = self.log_path(launch);
        let log =
            private_file(&path).map_err(|error| format!("failed to create {}: {error}", path.display()))?;
        let copy = log.try_clone().map_err(|error| error.to_string())?;
        self.sources.add(LogSource {
            path,
            category: LogCategory::Infrastructure,
            component: "nats-server".to_owned(),
            stream: "log",
            correlation: "run".to_owned(),
        });
        let spec = ChildSpec {
            program: plan.program.clone(),
            args: plan.arguments.clone(),
            env: plan
                .environment
                .iter()
                .map(|(name, value)| (name.clone(), value.expose().to_owned()))
                .collect(),
            inherit_env: true,
            greeting: Vec::new(),
            stdout: Some(copy),
            stderr: Some(log),
        };
        let guarding = Guarding {
            grace_seconds: GRACE_SECONDS,
            cpus: Vec::new(),
        };
        self.spawner
            .spawn_guarded(spec, guarding)
            .await
            .map_err(|error| describe(&error))
    }

    /// Connects, the first time; later the handle has reconnected by itself.
    async fn connect(&self, orchestrator: &Addr<Orchestrator>) -> Result<(), String> {
        if self.slot.is_filled() {
            return Ok(());
        }
        let url = self.url().unwrap_or_default();
        let address = Address {
            run: self.run.clone(),
            url,
            directory: self.run_dir.clone(),
        };
        let link = Link::connect(address, self.passwords.orchestrator.clone(), READY).await;
        let bus: Arc<dyn OrchestratorBus> = Arc::new(link.map_err(|error| describe(&error))?);
        let log = LogReader::new(self.run_dir.clone());
        bus.catch_up(self.base, &log)
            .await
            .map_err(|error| describe(&error))?;
        let pong = Pong {
            run: self.run.clone(),
            epoch: self.epoch,
        };
        subscribe(&bus, orchestrator, pong)
            .await
            .map_err(|error| describe(&error))?;
        self.slot.fill(bus);
        Ok(())
    }

    /// Ends the server.
    pub(super) async fn stop(&self) {
        const PATIENCE: Duration = Duration::from_secs(GRACE_SECONDS as u64 + 2);
        let server = {
            let mut running = self.running();
            running.stopping = true;
            running.server.take()
        };
        if let Some(server) = server {
            server.signal(Signal::SIGTERM);
            // What stays then is killed with everything else.
            let _ = tokio::time::timeout(PATIENCE, server.ended()).await;
        }
    }
}

/// Hands what arrives on the bus to the orchestrator.
async fn subscribe(
    bus: &Arc<dyn OrchestratorBus>,
    orchestrator: &Addr<Orchestrator>,
    pong: Pong,
) -> Result<(), hpcbench_nats::BusError> {
    let (mut reports, to) = (bus.reports().await?, orchestrator.clone());
    actix::spawn(async move {
        while let Some(report) = reports.next().await {
            let node = report.node;
            match serde_json::from_slice::<Report>(&report.payload) {
                Ok(read) => {
                    let cause = read.cause;
                    let command = Command::Report { node, report: read };
                    to.do_send(Input {
                        command,
                        cause,
                        ack: Ack::Receipt(report.receipt),
                    });
                }
                Err(error) => {
                    tracing::error!(%node, %error, "a report cannot be read: it is dropped");
                    let _ = report.receipt.acknowledge().await;
                }
            }
        }
    });
    let (mut heartbeats, to) = (bus.heartbeats().await?, orchestrator.clone());
    actix::spawn(async move {
        while let Some(heartbeat) = heartbeats.next().await {
            if let Ok(read) = serde_json::from_slice::<Heartbeat>(&heartbeat.payload) {
                to.do_send(Heard {
                    node: heartbeat.node,
                    heartbeat: read,
                });
            }
        }
    });
    let mut pings = bus.pings().await?;
    actix::spawn(async move {
        while let Some(ping) = pings.next().await {
            ping.answer(&pong);
        }
    });
    let (mut requests, to) = (bus.cancel_requests().await?, orchestrator.clone());
    actix::spawn(async move {
        while let Some(request) = requests.next().await {
            to.do_send(super::cancel::from_bus(request));
        }
    });
    Ok(())
}

/// nats-server's version, from its first log lines.
fn version(log: &std::path::Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let (_, rest) = text.split_once("Version:")?;
    rest.split_whitespace().next().map(ToOwned::to_owned)
}
