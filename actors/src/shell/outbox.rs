//! Reports on their way to the orchestrator: numbered once, taken out in order. Whoever takes one out sends it until the
//! orchestrator's receipt, and only then takes the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hpcbench_core::message::{Report, ReportBody, ReportId};
use hpcbench_core::{Epoch, Seq};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// How many reports may wait. An agent makes a few for each trial.
const CAPACITY: usize = 4096;

/// Where actors put their reports.
#[derive(Debug, Clone)]
pub struct Outbox {
    sender: mpsc::Sender<(Option<Seq>, ReportBody)>,
    epoch: Arc<AtomicU32>,
}

/// Where reports are taken out to be sent.
#[derive(Debug)]
pub struct OutboxReader {
    receiver: mpsc::Receiver<(Option<Seq>, ReportBody)>,
    boot: String,
    counter: u64,
    epoch: Arc<AtomicU32>,
}

/// The two ends of an outbox for an agent with this boot id.
pub fn outbox(boot: String, epoch: Epoch) -> (Outbox, OutboxReader) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let epoch = Arc::new(AtomicU32::new(epoch.0));
    let reader = OutboxReader {
        receiver,
        boot,
        counter: 0,
        epoch: Arc::clone(&epoch),
    };
    (Outbox { sender, epoch }, reader)
}

impl Outbox {
    /// Hands in a report that `cause` led to.
    pub fn report(&self, cause: Option<Seq>, body: ReportBody) {
        match self.sender.try_send((cause, body)) {
            Ok(()) => {}
            // The orchestrator will miss it and give this node up.
            Err(TrySendError::Full(_)) => tracing::error!("a report is lost: {CAPACITY} wait already"),
            Err(TrySendError::Closed(_)) => tracing::debug!("the agent is ending: nobody takes a report"),
        }
    }

    /// The orchestrator's epoch.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Relaxed))
    }

    /// The orchestrator's epoch has risen.
    pub fn raise_epoch(&self, epoch: Epoch) {
        self.epoch.fetch_max(epoch.0, Ordering::Relaxed);
    }
}

impl OutboxReader {
    /// The next report; `None` once all outboxes are gone and all reports taken.
    pub async fn next(&mut self) -> Option<Report> {
        let (cause, body) = self.receiver.recv().await?;
        self.counter += 1;
        let id = ReportId {
            boot: self.boot.clone(),
            counter: self.counter,
        };
        Some(Report {
            id,
            epoch: Epoch(self.epoch.load(Ordering::Relaxed)),
            cause,
            body,
        })
    }
}
