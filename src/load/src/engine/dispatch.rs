//! Beginning requests.

use std::sync::atomic::Ordering;

use hpcbench_records::{Phase, StreamEvents, Times};
use hpcbench_timing::Monotonic;

use super::exchange::Exchange;
use super::source::{Due, Source, Turn};
use super::timeline::WindowEnd;
use super::{Engine, EngineError};
use crate::plan::ToRender;
use crate::response::ResponseReader;

/// Most requests that are begun at once. When thousands of users start together, answers are read meanwhile.
const MAX_STARTS_PER_TURN: usize = 64;

/// Most events that memory is set aside for before they come.
const MAX_RESERVED_EVENTS: usize = 4_096;

/// Events of a stream besides its tokens: role, finish, usage, end mark.
const EXTRA_EVENTS: usize = 6;

impl Engine {
    /// Begins the requests that are due, up to the limit of one turn.
    pub(super) fn begin_due(&mut self) -> Result<(), EngineError> {
        for _ in 0..MAX_STARTS_PER_TURN {
            let now = Monotonic::now();
            let Some((due, ticket)) = self.next_due_request(now) else {
                break;
            };
            self.begin(due, ticket, now)?;
        }
        let backlog = self.source.backlog(Monotonic::now());
        self.report.peak_queue = self.report.peak_queue.max(backlog);
        Ok(())
    }

    /// The next request that is due, with its ticket where it needs one.
    fn next_due_request(&mut self, now: Monotonic) -> Option<(Due, bool)> {
        if !self.may_begin(now) {
            return None;
        }
        let counted = matches!(self.source, Source::Closed(_)) && self.timeline.end == WindowEnd::LastSend;
        if !counted || now < self.timeline.t1 {
            return self.source.next(now, self.in_flight).map(|due| (due, false));
        }
        // A ticket is taken only by a user who is there to use it.
        let is_due = self.source.next_due(self.in_flight).is_some_and(|at| at <= now);
        if !is_due || !self.shared.take_ticket() {
            return None;
        }
        self.source.next(now, self.in_flight).map(|due| (due, true))
    }

    /// Begins one request.
    fn begin(&mut self, due: Due, ticket: bool, now: Monotonic) -> Result<(), EngineError> {
        let endpoint = (self.begun % self.plan.servers.len() as u64) as u16;
        self.begun += 1;
        let mut exchange = self.prepare(due, endpoint, now);
        exchange.ticket = ticket;
        self.in_flight += 1;
        self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        self.recount(&mut exchange);
        match self.connections.take_idle(endpoint, now) {
            Some(slot) => {
                exchange.connection_free = true;
                self.deadlines.insert((exchange.deadline, slot));
                if let Some(connection) = self.connections.get(slot) {
                    connection.exchange = Some(exchange);
                }
                self.send(slot)
            }
            None => self.connect(exchange),
        }
    }

    /// Makes a request, with its bytes.
    pub(super) fn prepare(&mut self, due: Due, endpoint: u16, now: Monotonic) -> Box<Exchange> {
        let seq = self.shared.issued.fetch_add(1, Ordering::Relaxed);
        // The schedule's position is the trial's number; users of all clients take turns.
        let index = due
            .position
            .or_else(|| due.turn.map(Turn::index))
            .unwrap_or_else(|| self.plan.spec.client.position(seq));
        let request_id = format!("{}-{seq}", self.plan.spec.request_prefix);
        let mut output = self.memory.outputs.pop().unwrap_or_default();
        let request = ToRender {
            id: &request_id,
            index,
            history: self.source.history(due),
        };
        let server = self.plan.server(endpoint);
        let asked = self
            .plan
            .render(server, &request, &mut self.memory.render, &mut output);
        let mut reader = ResponseReader::new(self.plan.spec.dialect, self.plan.spec.stream);
        let mut messages = Vec::new();
        if due.turn.is_some() || self.plan.spec.keep_text {
            reader = reader.keeping_answer();
        }
        if due.turn.is_some() {
            messages.extend_from_slice(&self.memory.render.prompt);
        }
        let events = if self.plan.spec.stream {
            asked.output_planned as usize + EXTRA_EVENTS
        } else {
            0
        };
        Box::new(Exchange {
            request_id,
            seq,
            endpoint,
            asked,
            due,
            dispatch: now,
            ticket: false,
            counted: false,
            connection_free: false,
            times: Times {
                intended: self.timeline.since_t0(due.intended),
                dispatch: Some(self.timeline.since_t0(now)),
                ..Times::default()
            },
            sent: None,
            deadline: now.plus(self.plan.spec.timeout),
            done_at: None,
            output,
            written: 0,
            retries: 0,
            reader,
            messages,
            events: reserved(events.min(MAX_RESERVED_EVENTS)),
            bytes_received: 0,
        })
    }

    /// Keeps the number of measured requests that have not ended, as this one's membership becomes known.
    pub(super) fn recount(&self, exchange: &mut Exchange) {
        let measured = exchange.phase(&self.timeline) == Phase::Window;
        if measured != exchange.counted {
            let change = if measured { 1 } else { -1 };
            self.shared.measured_open.fetch_add(change, Ordering::AcqRel);
            exchange.counted = measured;
        }
    }
}

/// Room for so many events, so that none of them has to allocate.
fn reserved(events: usize) -> StreamEvents {
    StreamEvents {
        t: Vec::with_capacity(events),
        read_lag: Vec::with_capacity(events),
        uncertainty: Vec::with_capacity(events),
        kind: Vec::with_capacity(events),
        text_bytes: Vec::with_capacity(events),
        tokens: Vec::with_capacity(events),
    }
}
