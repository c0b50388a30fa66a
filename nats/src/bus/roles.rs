//! What each role may do on the bus.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hpcbench_core::message::ReportId;
use hpcbench_core::{NodeId, Seq};

use super::{
    CancelRequest, CatchUp, Command, ConnectionWatch, EventLine, Heartbeat, Incoming, LogLine, LogLines,
    Metric, Observed, Ping, Pong, Report,
};
use crate::{Actor, BusError, LogCategory};

/// The orchestrator's side.
#[async_trait]
pub trait OrchestratorBus: Send + Sync {
    /// Makes the EVENTS stream equal to the log up to `head`: at the start of an epoch, after every reconnect and
    /// after every failed [`publish`](Self::publish). Creates the streams that are missing.
    async fn catch_up(&self, head: Seq, log: &dyn LogLines) -> Result<CatchUp, BusError>;

    /// Publishes synced events in order and waits until the stream holds them all. The first one's sequence must
    /// follow the stream's last: [`BusError::OutOfStep`] if it does not.
    async fn publish(&self, events: &[EventLine]) -> Result<(), BusError>;

    /// Sends a command and waits for its answer, which may take [`MAX_ANSWER_DELAY`](crate::limits::MAX_ANSWER_DELAY)
    /// at most. After [`BusError::TimedOut`] nobody knows whether it arrived:
    /// ask again with the same command id.
    async fn command(
        &self,
        node: &NodeId,
        actor: Actor,
        payload: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, BusError>;

    /// Questions whether this orchestrator is there.
    async fn pings(&self) -> Result<Incoming<Ping>, BusError>;

    /// The actors' reports, each until it is acknowledged. To be called once.
    async fn reports(&self) -> Result<Incoming<Report>, BusError>;

    /// The agents' heartbeats.
    async fn heartbeats(&self) -> Result<Incoming<Heartbeat>, BusError>;

    /// Requests to cancel the run.
    async fn cancel_requests(&self) -> Result<Incoming<CancelRequest>, BusError>;

    /// The agents' interval metrics.
    async fn metrics(&self) -> Result<Incoming<Metric>, BusError>;

    /// The agents' live log lines.
    async fn log_lines(&self) -> Result<Incoming<LogLine>, BusError>;

    /// The connection's state.
    fn connection(&self) -> ConnectionWatch;
}

/// A node's side: all its actors share one handle.
#[async_trait]
pub trait AgentBus: Send + Sync {
    /// The node.
    fn node(&self) -> &NodeId;

    /// Commands to this node's actors. Whoever reports after this call is ready to be commanded: nats-server
    /// handles the subscription before the report.
    async fn commands(&self) -> Result<Incoming<Command>, BusError>;

    /// Hands a report over and waits for the orchestrator's receipt; sends it again where that does not come. It may
    /// arrive more than once, always with the same id. One after the other: reports that are to keep their order must not
    /// overlap.
    ///
    /// `deadline` counts while the bus is connected. One absence of the bus may last as long again.
    async fn report(
        &self,
        actor: Actor,
        id: &ReportId,
        payload: Bytes,
        deadline: Duration,
    ) -> Result<(), BusError>;

    /// Sends a sign of life. Lost while disconnected.
    async fn heartbeat(&self, payload: Bytes) -> Result<(), BusError>;

    /// Sends a live log line. Lost while disconnected.
    async fn log_line(&self, category: LogCategory, payload: Bytes) -> Result<(), BusError>;

    /// Sends an interval's metrics. Lost while disconnected.
    async fn metric(&self, payload: Bytes) -> Result<(), BusError>;

    /// The connection's state: an agent without orchestrator counts from its loss.
    fn connection(&self) -> ConnectionWatch;
}

/// The side of whoever watches a run.
#[async_trait]
pub trait ObserverBus: Send + Sync {
    /// The events from `from` on: history, then live, through restarts of nats-server, each once and in order.
    async fn events(&self, from: Seq) -> Result<Incoming<Observed>, BusError>;

    /// The connection's state.
    fn connection(&self) -> ConnectionWatch;
}

/// The side of whoever controls a run from outside.
#[async_trait]
pub trait ControlBus: Send + Sync {
    /// Asks to cancel the run; answered after the orchestrator has synced the event.
    async fn cancel(&self, payload: Bytes, deadline: Duration) -> Result<Bytes, BusError>;

    /// Asks whether the run's orchestrator is there. [`BusError::NoResponder`] and [`BusError::TimedOut`]: it does not
    /// answer.
    async fn ping(&self, deadline: Duration) -> Result<Pong, BusError>;
}
