//! One orchestrator's life: from the opening of its epoch to the end of everything that it started.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use actix::Actor;
use hpcbench_core::event::{Afterwards, Event, JobStarted, Program, RunCreated, RunResumed};
use hpcbench_core::message::Progress;
use hpcbench_core::{Command, Epoch, NodeId, Outline, Role, RunId, Seq, upcast};
use hpcbench_journal::LOOKUP_CACHE_WAIT;
use hpcbench_nats::{Passwords, SECRET_BYTES, Secret};
use hpcbench_recipes::Plan;
use tokio::sync::{mpsc, oneshot};

use super::OrchestratorError;
use super::actor::{Input, Orchestrator};
use super::aftermath::{clean_up, end_former_epochs};
use super::bus::BusHost;
use super::cancel;
use super::effects::Executor;
use super::epoch::{self, EpochSetup, OpenEpoch};
use super::launcher::Launcher;
use super::machine::Machine;
use super::places::{Place, Places};
use super::publisher::Publisher;
use super::store;
use crate::log_collector::LogSources;
use crate::process::Spawner;
use crate::shell::{NodeAddress, Scratch, describe, hostname, own_address, raise_open_files};

/// Where the event log is below the run directory.
const EVENTS: &str = "events";

/// What a run is started with.
pub struct RunSetup {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// The run directory, as the user gave it. It exists and holds `recipe.yaml` and `plan.json`.
    pub run_dir: PathBuf,
    /// Node-local place for what does not belong there.
    pub scratch_base: PathBuf,
    /// Where the agents of the nodes are started, and how.
    pub places: Places,
    /// Our own executable.
    pub hpcbench: PathBuf,
    /// The program, for the audit.
    pub program: Program,
    /// How the run begins or goes on.
    pub begin: Begin,
    /// The orchestrators of this epoch and of all before are proven dead; 0 if nothing is proven.
    pub dead_through: Epoch,
    /// Where live updates go.
    pub live: mpsc::Sender<LiveUpdate>,
    /// The batch job that this is, for a run that is not left to it but was started within one.
    pub job: Option<JobStarted>,
    /// Wishes that it ends.
    pub interrupts: mpsc::Receiver<Interrupt>,
    /// Random bytes for passwords.
    pub random: Box<dyn FnMut() -> [u8; SECRET_BYTES]>,
}

/// A wish that a run, or this epoch of it, ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// The user's, by this signal: the first asks for an end in order, the second for one at once.
    Cancel(&'static str),
    /// The batch system's.
    JobEnding {
        /// How it makes itself known.
        reason: &'static str,
        /// Whether everything is about to be killed.
        at_once: bool,
    },
}

impl Interrupt {
    const fn reason(self) -> &'static str {
        match self {
            Self::Cancel(reason) | Self::JobEnding { reason, .. } => reason,
        }
    }
}

/// The first that an orchestrator does.
#[derive(Debug)]
pub enum Begin {
    /// There is no event yet.
    Create(RunCreated),
    /// The run's former orchestrator is gone.
    Resume {
        /// Which run.
        run: RunId,
        /// Who resumes it, and how.
        resumed: RunResumed,
    },
    /// The run was left to this job, which may be the next of several.
    Job {
        /// Which run.
        run: RunId,
        /// The job.
        started: JobStarted,
    },
}

impl Begin {
    /// Which run.
    pub const fn run(&self) -> &RunId {
        match self {
            Self::Create(created) => &created.run,
            Self::Resume { run, .. } | Self::Job { run, .. } => run,
        }
    }

    fn into_input(self, led_to_job: Option<Seq>) -> Input {
        match self {
            Self::Create(created) => Input::new(Command::Create(created)),
            Self::Resume { resumed, .. } => Input::new(Command::Resume(resumed)),
            Self::Job { started, .. } => Input {
                cause: led_to_job,
                ..Input::new(Command::JobStarted(started))
            },
        }
    }
}

/// What whoever watches this process is shown. Events are synced before they are.
#[derive(Debug, Clone)]
pub enum LiveUpdate {
    /// Something happened.
    Event(Box<Event>),
    /// A client's load stands so.
    Progress {
        /// Which client.
        node: NodeId,
        /// How.
        progress: Progress,
    },
}

#[derive(Clone)]
pub(super) struct LiveSender(mpsc::Sender<LiveUpdate>);

impl LiveSender {
    pub(super) fn send(&self, update: LiveUpdate) {
        // Half of the room is for events: of progress, only the latest is worth showing.
        let is_short = self.0.capacity() < self.0.max_capacity() / 2;
        if is_short && matches!(update, LiveUpdate::Progress { .. }) {
            return;
        }
        // Whoever watched may have gone, or shows nothing any more.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.0.try_send(update) {
            tracing::debug!("an event is not shown: whoever watches does not keep up");
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunEnd {
    /// The program's exit code.
    pub exit_code: u8,
    /// What becomes of the run, if only this epoch has ended.
    pub afterwards: Option<Afterwards>,
}

/// Runs the orchestrator to its end. To be called within an actix system.
pub async fn run(setup: RunSetup) -> Result<RunEnd, OrchestratorError> {
    let RunSetup {
        plan,
        run_dir,
        scratch_base,
        places,
        hpcbench,
        program,
        begin,
        dead_through,
        live,
        job,
        mut interrupts,
        mut random,
    } = setup;
    // What a killed agent leaves behind becomes our child, and is found.
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|error| OrchestratorError::system("become a subreaper")(error.into()))?;
    // The bus has a connection for each agent and each of those who watch.
    raise_open_files();
    let run = begin.run().clone();
    let node = orchestrator_node(&plan)?;
    let bus_address = bus_address(&places.of(&node))?;
    let store_base = store::elsewhere(&scratch_base, &std::env::temp_dir())
        .map_err(OrchestratorError::system("find a place for the bus's store"))?;
    let (address, address_known) = std::sync::mpsc::sync_channel::<actix::Addr<Orchestrator>>(1);
    let setup = EpochSetup {
        run_dir: run_dir.clone(),
        node: node.clone(),
        program,
        outline: Arc::new(Outline::of(&plan)),
        dead_through,
        wait: Box::new(wait_for_caches(run_dir.clone())),
    };
    let open = begin_epoch(setup, address_known, &mut interrupts).await?;
    let (opened, state, first) = (open.opened, open.state, begin.into_input(open.led_to_job));
    let epoch = state.epoch;
    end_former_epochs(&run_dir, epoch)?;
    let create = |base: &Path| {
        Scratch::create(base, &run, epoch).map_err(OrchestratorError::system(
            "create the run's directory on the local disk",
        ))
    };
    let scratch = create(&scratch_base)?;
    let store = store_base
        .as_deref()
        .map_or_else(|| Ok(scratch.clone()), create)?;
    let spawner = Spawner::start(hpcbench, run_dir.clone())
        .map_err(OrchestratorError::system("start the spawning thread"))?;
    let passwords = Passwords::generate(plan.nodes.iter().map(|node| node.node.clone()), &mut random);
    let base = Seq(opened.started.event.seq.0 - 1);
    let bus = Arc::new(BusHost::new(
        run,
        run_dir.clone(),
        epoch,
        base,
        scratch.clone(),
        store,
        scratch_base,
        bus_address,
        passwords,
        Secret::from_random(random()),
        spawner,
        LogSources::default(),
    ));
    let publisher = Arc::new(Publisher::start(run_dir.clone(), bus.slot.clone()));
    publisher.publish(vec![Arc::clone(&opened.started)]);
    let live = LiveSender(live);
    live.send(LiveUpdate::Event(Box::new(upcast(opened.started.event.clone()))));
    let machine = Machine::new(run_dir.clone(), node, state, opened.journal);
    let executor = Executor::new(
        Arc::clone(&plan),
        Arc::clone(&bus),
        Launcher::new(plan, Arc::clone(&bus), places),
    );
    let (done, ended) = oneshot::channel();
    let orchestrator =
        Orchestrator::new(machine, executor, Arc::clone(&publisher), live, first, done).start();
    // The journal's thread waits for it before it tells what was synced.
    let _ = address.send(orchestrator.clone());
    if let Some(started) = job {
        orchestrator.do_send(Input::new(Command::JobStarted(started)));
    }
    actix::spawn(probe(run_dir, orchestrator.clone()));
    actix::spawn(heed(interrupts, orchestrator));
    let end = ended.await.unwrap_or_else(|_| {
        Err(OrchestratorError::system("keep the orchestrator alive")(
            std::io::Error::other("its actor ended"),
        ))
    });
    clean_up(&bus, &publisher, &scratch, &end).await;
    end.map(|ended| RunEnd {
        exit_code: ended.exit_code,
        afterwards: ended.afterwards,
    })
}

/// Opens the epoch, unless somebody gives up meanwhile.
async fn begin_epoch(
    setup: EpochSetup,
    address: Receiver<actix::Addr<Orchestrator>>,
    interrupts: &mut mpsc::Receiver<Interrupt>,
) -> Result<OpenEpoch, OrchestratorError> {
    let former_request = cancel::Former::noted(&setup.run_dir);
    let open = tokio::select! {
        open = epoch::open(setup, address) => open?,
        Some(interrupt) = interrupts.recv() => {
            return Err(OrchestratorError::Interrupted { signal: interrupt.reason() });
        }
    };
    former_request.forget();
    Ok(open)
}

/// Hands wishes to end to the orchestrator: whoever asks twice to cancel does not want to wait.
async fn heed(mut interrupts: mpsc::Receiver<Interrupt>, orchestrator: actix::Addr<Orchestrator>) {
    let mut cancelled = false;
    while let Some(interrupt) = interrupts.recv().await {
        orchestrator.do_send(match interrupt {
            Interrupt::Cancel(signal) => cancel::from_signal(signal, std::mem::replace(&mut cancelled, true)),
            Interrupt::JobEnding { reason, at_once } => {
                let reason = reason.to_owned();
                Input::new(Command::JobEnding { reason, at_once })
            }
        });
    }
}

/// The address that the bus listens on.
fn bus_address(place: &Place) -> Result<NodeAddress, OrchestratorError> {
    let host = place.host.clone().unwrap_or_else(hostname);
    own_address(&place.address, &host, None).map_err(|error| {
        OrchestratorError::system("choose the address that the bus listens on")(std::io::Error::other(error))
    })
}

pub(super) fn orchestrator_node(plan: &Plan) -> Result<NodeId, OrchestratorError> {
    let node = plan.nodes.iter().find(|node| node.role == Role::Orchestrator);
    node.map(|node| node.node.clone()).ok_or_else(|| {
        let cause = std::io::Error::other("the plan names none");
        OrchestratorError::system("find the orchestrator's node")(cause)
    })
}

/// Tries the file system under the event log, beside everything else.
async fn probe(run_dir: PathBuf, orchestrator: actix::Addr<Orchestrator>) {
    let work = tokio::task::spawn_blocking(move || {
        hpcbench_journal::probe(&run_dir.join(EVENTS), EVENTS).map_err(|error| describe(&error))
    });
    match work.await.map_err(|error| error.to_string()).flatten() {
        Ok(probed) => {
            for warning in &probed.warnings {
                tracing::warn!("file system of the event log: {warning}");
            }
            orchestrator.do_send(Input::new(Command::Probed(probed)));
        }
        Err(error) => tracing::warn!(error, "failed to try the file system of the event log"),
    }
}

/// Where a file system caches look-ups, a former writer that may live must have had the time to see the claim.
pub(super) fn wait_for_caches(run_dir: PathBuf) -> impl FnMut(Epoch) + Send {
    move |former| {
        // Where that cannot be found out, the worst is assumed.
        if hpcbench_journal::lookups_cached(&run_dir).unwrap_or(true) {
            tracing::warn!(
                epoch = former.0,
                seconds = LOOKUP_CACHE_WAIT.as_secs(),
                "waiting, because the former orchestrator may live and this file system caches look-ups"
            );
            std::thread::sleep(LOOKUP_CACHE_WAIT);
        }
    }
}
