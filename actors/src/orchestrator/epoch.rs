//! Opening an epoch: what the log says so far, and the right to go on with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use actix::Addr;
use hpcbench_core::event::{Afterwards, Body, Program};
use hpcbench_core::{Actor as ActorName, Epoch, NodeId, Outline, Seq, State, Timestamp, evolve, upcast};
use hpcbench_journal::{DirStorage, Entry, Journal, OnSync, Opened, Opening};
use tokio::sync::oneshot;

use super::OrchestratorError;
use super::actor::{Orchestrator, Synced};
use crate::shell::{now, writer};

/// What an epoch is opened with.
pub(super) struct EpochSetup {
    pub(super) run_dir: PathBuf,
    pub(super) node: NodeId,
    pub(super) program: Program,
    pub(super) outline: Arc<Outline>,
    /// The writers of this epoch and of all before are proven dead.
    pub(super) dead_through: Epoch,
    /// Called with the epoch of a former writer that is not proven dead.
    pub(super) wait: Box<dyn FnMut(Epoch) + Send>,
}

/// An epoch, and the state that its first event leads to.
pub(super) struct OpenEpoch {
    pub(super) opened: Opened,
    pub(super) state: State,
    /// What led to the job that goes on with the run now, if a job does.
    pub(super) led_to_job: Option<Seq>,
}

/// Claims the next epoch and folds the history; `address` is where synced events are told.
///
/// On a thread of its own: a successor may have to wait, and must be able to give up meanwhile.
pub(super) async fn open(
    setup: EpochSetup,
    address: Receiver<Addr<Orchestrator>>,
) -> Result<OpenEpoch, OrchestratorError> {
    let (done, opened) = oneshot::channel();
    std::thread::Builder::new()
        .name("epoch".to_owned())
        .spawn(move || {
            // Whoever waited has given up.
            let _ = done.send(open_now(setup, told(address)));
        })
        .map_err(OrchestratorError::system("start a thread"))?;
    opened.await.unwrap_or_else(|_| {
        let cause = std::io::Error::other("the thread ended");
        Err(OrchestratorError::system("open the event log")(cause))
    })
}

/// Tells the orchestrator what was synced, as soon as it has an address.
fn told(address: Receiver<Addr<Orchestrator>>) -> OnSync {
    let mut known: Option<Addr<Orchestrator>> = None;
    Box::new(move |outcome| {
        if known.is_none() {
            known = address.recv().ok();
        }
        // Not `try_send`: a sync that nobody hears of would stop the run. The journal's queue bounds these.
        if let Some(orchestrator) = &known {
            orchestrator.do_send(Synced(outcome));
        }
    })
}

/// Claims the next epoch and folds the history, on this thread.
pub(super) fn open_now(setup: EpochSetup, on_sync: OnSync) -> Result<OpenEpoch, OrchestratorError> {
    let EpochSetup {
        run_dir,
        node,
        program,
        outline,
        dead_through,
        mut wait,
    } = setup;
    let mut data = serde_json::Map::new();
    data.insert("writer".to_owned(), serde_json::to_value(writer(program))?);
    let mut state = State::new(Arc::clone(&outline));
    let mut led_to_job = None;
    let mut fold = |entry: Entry| {
        let before = std::mem::replace(&mut state, State::new(Arc::clone(&outline)));
        let event = upcast(entry.event);
        if leads_to_job(&event.body) {
            led_to_job = Some(event.seq);
        }
        state = evolve(before, &event);
    };
    let opening = Opening {
        node,
        actor: ActorName::Orchestrator.as_str().to_owned(),
        correlation: "run".to_owned(),
        data,
        dead_through,
        clock: &now as &dyn Fn() -> Timestamp,
        wait: &mut *wait,
        history: &mut fold,
    };
    let opened = Journal::open(Arc::new(DirStorage::new(&run_dir)), opening, on_sync)?;
    let state = evolve(state, &upcast(opened.started.event.clone()));
    Ok(OpenEpoch {
        opened,
        state,
        led_to_job,
    })
}

/// Whether an event leads to the next job of its run: somebody asks for it, the run gives its own one back, or, without a
/// word, the batch system starts a job once more.
const fn leads_to_job(body: &Body) -> bool {
    match body {
        Body::JobRequested(_) | Body::JobStarted(_) => true,
        Body::RunPaused(paused) => !matches!(paused.afterwards, Afterwards::Wait),
        _ => false,
    }
}
