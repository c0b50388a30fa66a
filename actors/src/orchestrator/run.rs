//! One orchestrator's life: from the opening of its epoch to the end of everything that it started.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Actor;
use hpcbench_core::event::{Event, Program, RunCreated};
use hpcbench_core::message::Progress;
use hpcbench_core::{
    Actor as ActorName, Command, Epoch, NodeId, Outline, Role, Seq, State, Timestamp, evolve, upcast,
};
use hpcbench_journal::{DirStorage, Entry, Journal, Opened, Opening};
use hpcbench_nats::{Passwords, Rendezvous, SECRET_BYTES};
use hpcbench_recipes::Plan;
use tokio::sync::{mpsc, oneshot};

use super::OrchestratorError;
use super::actor::{Ended, Input, Orchestrator, Synced};
use super::bus::BusHost;
use super::cancel;
use super::effects::Executor;
use super::launcher::Launcher;
use super::machine::Machine;
use super::publisher::Publisher;
use crate::log_collector::LogSources;
use crate::process::{Spawner, children_of, kill_descendants};
use crate::shell::{Scratch, now, writer};

/// How long the last events may take to be published.
const FLUSH: Duration = Duration::from_secs(3);
/// How long what was started may take to end by itself: a service's own grace and some more.
const AFTERMATH: Duration = Duration::from_secs(12);
/// How long it may take to end by force. A process in an uninterruptible wait does not end at all.
const FORCE: Duration = Duration::from_secs(5);
/// The same as [`AFTERMATH`] when the run is to end at once.
const AFTERMATH_AT_ONCE: Duration = Duration::from_millis(500);

/// What a run is started with.
pub struct RunSetup {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// The run directory, as the user gave it. It exists and holds `recipe.yaml` and `plan.json`.
    pub run_dir: PathBuf,
    /// Node-local place for what does not belong there.
    pub scratch_base: PathBuf,
    /// Our own executable.
    pub hpcbench: PathBuf,
    /// The program, for the audit.
    pub program: Program,
    /// The run as it is created.
    pub created: RunCreated,
    /// Where live updates go.
    pub live: mpsc::UnboundedSender<LiveUpdate>,
    /// The user's wishes to end: the first asks for an end in order, the second for one at once.
    pub interrupts: mpsc::UnboundedReceiver<&'static str>,
    /// Random bytes for passwords.
    pub random: Box<dyn FnMut() -> [u8; SECRET_BYTES]>,
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
pub(super) struct LiveSender(mpsc::UnboundedSender<LiveUpdate>);

impl LiveSender {
    pub(super) fn send(&self, update: LiveUpdate) {
        // Whoever watched may have gone.
        let _ = self.0.send(update);
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunEnd {
    /// The program's exit code.
    pub exit_code: u8,
}

/// Runs the orchestrator to its end. To be called within an actix system.
pub async fn run(setup: RunSetup) -> Result<RunEnd, OrchestratorError> {
    let RunSetup {
        plan,
        run_dir,
        scratch_base,
        hpcbench,
        program,
        created,
        live,
        mut interrupts,
        mut random,
    } = setup;
    // What a killed agent leaves behind becomes our child, and is found.
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|error| OrchestratorError::system("become a subreaper")(error.into()))?;
    let run = created.run.clone();
    let node = orchestrator_node(&plan)?;
    let outline = Arc::new(Outline::of(&plan));
    let (address, address_known) = std::sync::mpsc::sync_channel::<actix::Addr<Orchestrator>>(1);
    let opened = open_epoch(&run_dir, &node, program, address_known)?;
    let state = evolve(State::new(outline), &upcast(opened.started.event.clone()));
    let epoch = state.epoch;
    let scratch = Scratch::create(&scratch_base, &run, epoch).map_err(OrchestratorError::system(
        "create the run's directory on the local disk",
    ))?;
    let spawner = Spawner::start(hpcbench, run_dir.clone())
        .map_err(OrchestratorError::system("start the spawning thread"))?;
    let passwords = Passwords::generate(plan.nodes.iter().map(|node| node.node.clone()), &mut random);
    let base = Seq(opened.started.event.seq.0 - 1);
    let sources = LogSources::default();
    let bus = Arc::new(BusHost::new(
        run,
        run_dir.clone(),
        epoch,
        base,
        scratch.clone(),
        passwords,
        spawner,
        sources,
    ));
    let publisher = Arc::new(Publisher::start(run_dir.clone(), bus.slot.clone()));
    publisher.publish(vec![Arc::clone(&opened.started)]);
    let live = LiveSender(live);
    live.send(LiveUpdate::Event(Box::new(upcast(opened.started.event.clone()))));
    let machine = Machine::new(run_dir, node, state, opened.journal);
    let executor = Executor::new(
        Arc::clone(&plan),
        Arc::clone(&bus),
        Launcher::new(plan, Arc::clone(&bus)),
    );
    let (done, ended) = oneshot::channel();
    let first = Input::new(Command::Create(created));
    let orchestrator =
        Orchestrator::new(machine, executor, Arc::clone(&publisher), live, first, done).start();
    // The journal's thread waits for it before it tells what was synced.
    let _ = address.send(orchestrator.clone());
    actix::spawn(async move {
        let mut at_once = false;
        while let Some(signal) = interrupts.recv().await {
            orchestrator.do_send(cancel::from_signal(signal, at_once));
            at_once = true;
        }
    });
    let end = ended.await.unwrap_or_else(|_| {
        Err(OrchestratorError::system("keep the orchestrator alive")(
            std::io::Error::other("its actor ended"),
        ))
    });
    clean_up(&bus, &publisher, &scratch, &end).await;
    end.map(|ended| RunEnd {
        exit_code: ended.exit_code,
    })
}

fn orchestrator_node(plan: &Plan) -> Result<NodeId, OrchestratorError> {
    let node = plan.nodes.iter().find(|node| node.role == Role::Orchestrator);
    node.map(|node| node.node.clone()).ok_or_else(|| {
        let cause = std::io::Error::other("the plan names none");
        OrchestratorError::system("find the orchestrator's node")(cause)
    })
}

fn open_epoch(
    run_dir: &std::path::Path,
    node: &NodeId,
    program: Program,
    address: std::sync::mpsc::Receiver<actix::Addr<Orchestrator>>,
) -> Result<Opened, OrchestratorError> {
    let mut data = serde_json::Map::new();
    data.insert("writer".to_owned(), serde_json::to_value(writer(program))?);
    let mut known: Option<actix::Addr<Orchestrator>> = None;
    let opening = Opening {
        node: node.clone(),
        actor: ActorName::Orchestrator.as_str().to_owned(),
        correlation: "run".to_owned(),
        data,
        dead_through: Epoch(0),
        clock: &now as &dyn Fn() -> Timestamp,
        wait: &mut |_| {},
        history: &mut |_: Entry| {},
    };
    let opened = Journal::open(
        Arc::new(DirStorage::new(run_dir)),
        opening,
        Box::new(move |outcome| {
            if known.is_none() {
                known = address.recv().ok();
            }
            // Not `try_send`: a sync that nobody hears of would stop the run. The journal's queue bounds these.
            if let Some(orchestrator) = &known {
                orchestrator.do_send(Synced(outcome));
            }
        }),
    )?;
    Ok(opened)
}

/// Ends whatever was started and removes what was only for this run's life.
async fn clean_up(
    bus: &BusHost,
    publisher: &Publisher,
    scratch: &Scratch,
    end: &Result<Ended, OrchestratorError>,
) {
    if end.is_ok()
        && let Ok(head) = hpcbench_journal::read(&bus.run_dir).map(last_seq)
    {
        publisher.flush(head, FLUSH).await;
    }
    bus.stop().await;
    let in_order = end.as_ref().is_ok_and(|ended| !ended.at_once);
    let patience = if in_order { AFTERMATH } else { AFTERMATH_AT_ONCE };
    let until = Instant::now() + patience;
    let own = std::process::id();
    while !children_of(own).is_empty() && Instant::now() < until {
        reap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let until = Instant::now() + FORCE;
    while kill_descendants(own, &[]) > 0 && Instant::now() < until {
        reap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for pid in children_of(own) {
        tracing::error!(
            pid,
            "a process of this run cannot be killed: look what it waits for"
        );
    }
    remove_rendezvous(bus);
    if let Err(error) = scratch.remove() {
        tracing::warn!(%error, "failed to remove {}", scratch.path().display());
    }
}

/// Removes `bus.json`, unless it is a successor's.
fn remove_rendezvous(bus: &BusHost) {
    if !Rendezvous::read(&bus.run_dir).is_ok_and(|found| found.epoch == bus.epoch) {
        return;
    }
    let path = Rendezvous::path(&bus.run_dir);
    if let Err(error) = std::fs::remove_file(&path) {
        tracing::warn!(%error, "failed to remove {}", path.display());
    }
}

/// Waits for orphans that became our children.
fn reap() {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive)
    {
    }
}

fn last_seq(reader: hpcbench_journal::Reader) -> Seq {
    reader
        .map_while(Result::ok)
        .last()
        .map_or(Seq(0), |entry| entry.event.seq)
}
