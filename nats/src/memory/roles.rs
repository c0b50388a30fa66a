//! The handles of a bus in memory.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hpcbench_core::message::ReportId;
use hpcbench_core::{NodeId, Seq};

use super::hub::Hub;
use super::state::{State, StoredReport};
use crate::bus::{ReportPath, deliver, read_lines};
use crate::limits::CATCH_UP_BATCH;
use crate::{
    Actor, AgentBus, BusError, CancelRequest, CatchUp, Command, ConnectionWatch, ControlBus, EventLine,
    Heartbeat, Incoming, LogCategory, LogLine, LogLines, Metric, Observed, ObservedEvent, ObserverBus,
    OrchestratorBus, Ping, Pong, Receipt, Report, Responder,
};

/// The orchestrator's handle.
#[derive(Debug)]
pub struct MemoryOrchestrator(pub(super) Arc<Hub>);

#[async_trait]
impl OrchestratorBus for MemoryOrchestrator {
    async fn catch_up(&self, head: Seq, log: &dyn LogLines) -> Result<CatchUp, BusError> {
        let stored = self.0.send("a catch-up", &Bytes::new(), |state| {
            state.reports.get_or_insert_default();
            state.events.get_or_insert_default().last().cloned()
        })?;
        let replaced = match &stored {
            None => false,
            Some(last) if last.seq > head => true,
            Some(last) => read_lines(log, last.seq, 1).await?.first() != Some(last),
        };
        if replaced {
            self.0.change(|state| state.events = Some(Vec::new()));
        }
        let last = self.0.look(State::last);
        let mut next = last.next();
        while next <= head {
            let wanted = (head.0 - next.0 + 1).min(CATCH_UP_BATCH as u64) as usize;
            let lines = read_lines(log, next, wanted).await?;
            self.publish(&lines).await?;
            next = Seq(next.0 + lines.len() as u64);
        }
        let published = head.0.saturating_sub(last.0);
        Ok(match (replaced, published) {
            (true, _) => CatchUp::Replaced { published },
            (false, 0) => CatchUp::InStep,
            (false, _) => CatchUp::Continued { published },
        })
    }

    async fn publish(&self, events: &[EventLine]) -> Result<(), BusError> {
        for event in events {
            self.0
                .send(&format!("event {}", event.seq), &event.line, |state| {
                    state.store(event)
                })??;
        }
        Ok(())
    }

    async fn command(
        &self,
        node: &NodeId,
        actor: Actor,
        payload: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, BusError> {
        let what = format!("a command to {actor} on {node}");
        let (responder, answer) = Responder::pair();
        let command = Command {
            actor,
            payload: payload.clone(),
            responder,
        };
        let arrived = self.0.send(&what, &payload, |state| {
            state
                .commands
                .get_mut(node)
                .is_some_and(|queue| queue.push(command))
        })?;
        if !arrived {
            return Err(BusError::NoResponder { subject: what });
        }
        self.0.answer(what, answer, deadline).await
    }

    async fn reports(&self) -> Result<Incoming<Report>, BusError> {
        // What the former reader has not acknowledged comes again.
        self.0
            .change(|state| state.reports.get_or_insert_default().redeliver());
        Ok(self.0.incoming(|hub, state| {
            let reports = state.reports.get_or_insert_default();
            reports
                .deliver()
                .map(|(number, stored)| report(hub, number, stored))
        }))
    }

    async fn heartbeats(&self) -> Result<Incoming<Heartbeat>, BusError> {
        self.0.change(|state| state.heartbeats.subscribe());
        Ok(self.0.incoming(|_, state| state.heartbeats.pop()))
    }

    async fn cancel_requests(&self) -> Result<Incoming<CancelRequest>, BusError> {
        self.0.change(|state| state.cancel_requests.subscribe());
        Ok(self.0.incoming(|_, state| state.cancel_requests.pop()))
    }

    async fn pings(&self) -> Result<Incoming<Ping>, BusError> {
        self.0.change(|state| state.pings.subscribe());
        Ok(self.0.incoming(|_, state| state.pings.pop()))
    }

    async fn metrics(&self) -> Result<Incoming<Metric>, BusError> {
        self.0.change(|state| state.metrics.subscribe());
        Ok(self.0.incoming(|_, state| state.metrics.pop()))
    }

    async fn log_lines(&self) -> Result<Incoming<LogLine>, BusError> {
        self.0.change(|state| state.log_lines.subscribe());
        Ok(self.0.incoming(|_, state| state.log_lines.pop()))
    }

    fn connection(&self) -> ConnectionWatch {
        self.0.connection.watch()
    }
}

fn report(hub: &Arc<Hub>, number: u64, stored: StoredReport) -> Report {
    let StoredReport {
        node,
        actor,
        id,
        payload,
        deliveries,
        ..
    } = stored;
    let (hub, to, receipt): (Weak<Hub>, _, _) = (Arc::downgrade(hub), node.clone(), id.clone());
    let acknowledge = move || -> Result<(), BusError> {
        let Some(hub) = hub.upgrade() else { return Ok(()) };
        hub.send("the receipt of a report", &Bytes::new(), |state| {
            if let Some(reports) = &mut state.reports {
                reports.acknowledge(number);
            }
            if let Some(receipts) = state.receipts.get_mut(&to) {
                receipts.push(receipt);
            }
        })
    };
    let receipt = Receipt::new(Box::new(move || Box::pin(std::future::ready(acknowledge()))));
    Report {
        node,
        actor,
        id,
        payload,
        deliveries,
        receipt,
    }
}

/// An agent's handle.
#[derive(Debug)]
pub struct MemoryAgent {
    pub(super) hub: Arc<Hub>,
    pub(super) node: NodeId,
}

#[async_trait]
impl AgentBus for MemoryAgent {
    fn node(&self) -> &NodeId {
        &self.node
    }

    async fn commands(&self) -> Result<Incoming<Command>, BusError> {
        let node = self.node.clone();
        self.hub
            .change(|state| state.commands.entry(node.clone()).or_default().subscribe());
        Ok(self
            .hub
            .incoming(move |_, state| state.commands.get_mut(&node)?.pop()))
    }

    async fn report(
        &self,
        actor: Actor,
        id: &ReportId,
        payload: Bytes,
        deadline: Duration,
    ) -> Result<(), BusError> {
        let agent = self;
        let outgoing = Outgoing {
            agent,
            actor,
            id,
            payload,
        };
        deliver(&outgoing, id, deadline).await
    }

    async fn heartbeat(&self, payload: Bytes) -> Result<(), BusError> {
        let heartbeat = Heartbeat {
            node: self.node.clone(),
            payload: payload.clone(),
        };
        self.hub
            .send("a heartbeat", &payload, |state| state.heartbeats.push(heartbeat))
            .map(drop)
    }

    async fn log_line(&self, category: LogCategory, payload: Bytes) -> Result<(), BusError> {
        let line = LogLine {
            node: self.node.clone(),
            category,
            payload: payload.clone(),
        };
        self.hub
            .send("a log line", &payload, |state| state.log_lines.push(line))
            .map(drop)
    }

    async fn metric(&self, payload: Bytes) -> Result<(), BusError> {
        let metric = Metric {
            node: self.node.clone(),
            payload: payload.clone(),
        };
        self.hub
            .send("a metric", &payload, |state| state.metrics.push(metric))
            .map(drop)
    }

    fn connection(&self) -> ConnectionWatch {
        self.hub.connection.watch()
    }
}

/// A report on its way.
struct Outgoing<'a> {
    agent: &'a MemoryAgent,
    actor: Actor,
    id: &'a ReportId,
    payload: Bytes,
}

#[async_trait]
impl ReportPath for Outgoing<'_> {
    fn connection(&self) -> ConnectionWatch {
        self.agent.connection()
    }

    async fn receipts(&self) -> Incoming<ReportId> {
        let MemoryAgent { hub, node } = self.agent;
        hub.change(|state| state.receipts.entry(node.clone()).or_default().subscribe());
        let node = node.clone();
        hub.incoming(move |_, state| state.receipts.get_mut(&node)?.pop())
    }

    async fn store(&self) -> Result<(), BusError> {
        let MemoryAgent { hub, node } = self.agent;
        let what = format!("a report of {} on {node}", self.actor);
        let stored = hub.send(&what, &self.payload, |state| {
            let reports = state.reports.as_mut()?;
            reports.store(node.clone(), self.actor, self.id.clone(), self.payload.clone());
            Some(())
        })?;
        stored.ok_or(BusError::NoResponder { subject: what })
    }
}

/// An observer's handle.
#[derive(Debug)]
pub struct MemoryObserver(pub(super) Arc<Hub>);

#[async_trait]
impl ObserverBus for MemoryObserver {
    async fn events(&self, from: Seq) -> Result<Incoming<Observed>, BusError> {
        let mut next = Seq(from.0.max(1));
        Ok(self.0.incoming(move |_, state| {
            let event = state.events.as_ref()?.get(next.0 as usize - 1)?.clone();
            let behind = state.last().0 - next.0;
            next = next.next();
            Some(Observed::Event(ObservedEvent { event, behind }))
        }))
    }

    fn connection(&self) -> ConnectionWatch {
        self.0.connection.watch()
    }
}

/// The handle of whoever controls the run from outside.
#[derive(Debug)]
pub struct MemoryControl(pub(super) Arc<Hub>);

#[async_trait]
impl ControlBus for MemoryControl {
    async fn cancel(&self, payload: Bytes, deadline: Duration) -> Result<Bytes, BusError> {
        let what = "a request to cancel".to_owned();
        let (responder, answer) = Responder::pair();
        let request = CancelRequest {
            payload: payload.clone(),
            responder,
        };
        if !self
            .0
            .send(&what, &payload, |state| state.cancel_requests.push(request))?
        {
            return Err(BusError::NoResponder { subject: what });
        }
        self.0.answer(what, answer, deadline).await
    }
    async fn ping(&self, deadline: Duration) -> Result<Pong, BusError> {
        let what = "a ping".to_owned();
        let (responder, answer) = Responder::pair();
        let asked = |state: &mut State| state.pings.push(Ping::new(responder));
        if !self.0.send(&what, &Bytes::new(), asked)? {
            return Err(BusError::NoResponder { subject: what });
        }
        let answer = self.0.answer(what.clone(), answer, deadline).await?;
        serde_json::from_slice(&answer).map_err(|source| BusError::Answer { what, source })
    }
}
