//! What the bus holds: data and its transitions.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use hpcbench_core::message::ReportId;
use hpcbench_core::{NodeId, Seq};

use crate::limits::SUBSCRIPTION_CAPACITY;
use crate::{Actor, BusError, CancelRequest, Command, EventLine, Heartbeat, LogLine, Metric, Ping};

/// All of it.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether messages get through.
    pub(super) up: bool,
    /// The EVENTS stream, if there is one.
    pub(super) events: Option<Vec<EventLine>>,
    /// The REPORTS stream, if there is one.
    pub(super) reports: Option<Reports>,
    pub(super) commands: BTreeMap<NodeId, Queue<Command>>,
    pub(super) receipts: BTreeMap<NodeId, Queue<ReportId>>,
    pub(super) cancel_requests: Queue<CancelRequest>,
    pub(super) pings: Queue<Ping>,
    pub(super) heartbeats: Queue<Heartbeat>,
    pub(super) metrics: Queue<Metric>,
    pub(super) log_lines: Queue<LogLine>,
}

impl State {
    /// Stores an event at its place.
    pub(super) fn store(&mut self, event: &EventLine) -> Result<(), BusError> {
        let Some(events) = &mut self.events else {
            return Err(BusError::NoResponder {
                subject: format!("event {}", event.seq),
            });
        };
        if event.seq.0 != events.len() as u64 + 1 {
            return Err(BusError::OutOfStep { seq: event.seq });
        }
        events.push(event.clone());
        Ok(())
    }

    /// How many events the stream holds.
    pub(super) fn last(&self) -> Seq {
        Seq(self.events.as_ref().map_or(0, |events| events.len() as u64))
    }
}

/// Messages for one subscriber; nobody subscribed: they are lost.
#[derive(Debug)]
pub(super) struct Queue<T> {
    subscribed: bool,
    waiting: VecDeque<T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            subscribed: false,
            waiting: VecDeque::new(),
        }
    }
}

impl<T> Queue<T> {
    pub(super) fn subscribe(&mut self) {
        *self = Self {
            subscribed: true,
            waiting: VecDeque::new(),
        };
    }

    /// Whether somebody is there to get it. A full queue loses it unseen, like a slow subscriber.
    pub(super) fn push(&mut self, message: T) -> bool {
        if self.subscribed && self.waiting.len() < SUBSCRIPTION_CAPACITY {
            self.waiting.push_back(message);
        }
        self.subscribed
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        self.waiting.pop_front()
    }
}

/// Reports without acknowledgement, in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Reports {
    next: u64,
    stored: BTreeMap<u64, StoredReport>,
}

#[derive(Debug, Clone)]
pub(super) struct StoredReport {
    pub(super) node: NodeId,
    pub(super) actor: Actor,
    pub(super) id: ReportId,
    pub(super) payload: Bytes,
    pub(super) deliveries: u64,
    /// To be delivered, for the first time or again.
    due: bool,
}

impl Reports {
    pub(super) fn store(&mut self, node: NodeId, actor: Actor, id: ReportId, payload: Bytes) {
        self.stored.insert(
            self.next,
            StoredReport {
                node,
                actor,
                id,
                payload,
                deliveries: 0,
                due: true,
            },
        );
        self.next += 1;
    }

    pub(super) fn deliver(&mut self) -> Option<(u64, StoredReport)> {
        let (number, report) = self.stored.iter_mut().find(|(_, report)| report.due)?;
        report.due = false;
        report.deliveries += 1;
        Some((*number, report.clone()))
    }

    pub(super) fn acknowledge(&mut self, number: u64) {
        self.stored.remove(&number);
    }

    pub(super) fn redeliver(&mut self) {
        for report in self.stored.values_mut() {
            report.due = true;
        }
    }
}
