//! What the roles receive.

use std::fmt;

use bytes::Bytes;
use futures::future::BoxFuture;
use hpcbench_core::message::ReportId;
use hpcbench_core::{Epoch, NodeId, RunId};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::{Actor, BusError, LogCategory};

/// Sends the answer to a request. Dropped without an answer, the asker runs into its time limit and asks again.
#[derive(Debug)]
pub struct Responder(oneshot::Sender<Bytes>);

impl Responder {
    /// A responder and the place where its answer appears.
    pub(crate) fn pair() -> (Self, oneshot::Receiver<Bytes>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Answers. The answer may get lost like any message; the asker then asks again.
    pub fn respond(self, answer: impl Into<Bytes>) {
        // The asker may have gone: nobody is left to tell.
        let _ = self.0.send(answer.into());
    }
}

/// A command to one of this node's actors.
#[derive(Debug)]
pub struct Command {
    /// Which actor.
    pub actor: Actor,
    /// The command.
    pub payload: Bytes,
    /// Answers it.
    pub responder: Responder,
}

/// A request to cancel the run.
#[derive(Debug)]
pub struct CancelRequest {
    /// Who asks, and why.
    pub payload: Bytes,
    /// Answers it, after the event is synced.
    pub responder: Responder,
}

/// Whoever controls the run asks whether its orchestrator is there.
#[derive(Debug)]
pub struct Ping(Responder);

impl Ping {
    pub(crate) const fn new(responder: Responder) -> Self {
        Self(responder)
    }

    /// It is.
    pub fn answer(self, pong: &Pong) {
        match serde_json::to_vec(pong) {
            Ok(text) => self.0.respond(text),
            Err(error) => tracing::error!(%error, "the answer to a ping cannot be written"),
        }
    }
}

/// The orchestrator that has answered a [`Ping`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// Its run.
    pub run: RunId,
    /// Its epoch.
    pub epoch: Epoch,
}

/// A report of an actor. It comes again until its receipt is acknowledged, and even then if that gets lost.
#[derive(Debug)]
pub struct Report {
    /// From which node; nats-server's permissions vouch for it.
    pub node: NodeId,
    /// From which actor.
    pub actor: Actor,
    /// Which one: the same each time that it comes.
    pub id: ReportId,
    /// The report.
    pub payload: Bytes,
    /// How many times the stream has delivered it, this time included; a report that was sent again counts anew.
    pub deliveries: u64,
    /// Acknowledges it, after its events are synced.
    pub receipt: Receipt,
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// Of which node.
    pub node: NodeId,
    /// What the agent says of itself.
    pub payload: Bytes,
}

/// A live log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// From which node.
    pub node: NodeId,
    /// What it is about.
    pub category: LogCategory,
    /// The line.
    pub payload: Bytes,
}

/// An interval's histograms and gauges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// From which node.
    pub node: NodeId,
    /// The numbers.
    pub payload: Bytes,
}

/// Does the acknowledging of a [`Receipt`].
pub(crate) type Acknowledge = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), BusError>> + Send>;

/// Acknowledges one report.
pub struct Receipt(Acknowledge);

impl Receipt {
    pub(crate) fn new(acknowledge: Acknowledge) -> Self {
        Self(acknowledge)
    }

    /// Tells the bus not to deliver the report again, and its agent that it may forget it. If that gets lost, the report
    /// comes once more.
    pub async fn acknowledge(self) -> Result<(), BusError> {
        (self.0)().await
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt")
    }
}
