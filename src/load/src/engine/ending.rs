//! Ending requests, and the trial.

use std::sync::atomic::Ordering;

use hpcbench_records::{Phase, Record, Status};
use hpcbench_timing::Monotonic;

use super::connections::{ResponseEnd, Rest};
use super::exchange::{Ending, Exchange};
use super::record::{self, Carrier};
use super::source::Said;
use super::timeline::WindowEnd;
use super::{Engine, EngineError, ThreadOutcome, sink_failed};
use crate::dialect;

/// How long a connection may wait for the end of a response after the server said that nothing more comes, nanoseconds.
const GRACE_AFTER_DONE: i64 = 1_000_000_000;

impl Engine {
    /// Ends the request of a connection, which stays only if it can carry another one.
    pub(super) fn finish(&mut self, slot: usize, ending: Ending, end: Monotonic) -> Result<(), EngineError> {
        let Some((exchange, carrier)) = self.take_exchange(slot) else {
            return Ok(());
        };
        let keep = matches!(ending, Ending::Complete)
            && exchange.reader.is_complete()
            && exchange.reader.keeps_connection();
        if keep {
            self.connections.put_idle(slot, end);
        } else {
            self.connections.close(slot);
        }
        self.account(*exchange, ending, end, carrier)
    }

    /// Ends a request whose server has said that nothing more comes, and has not ended the response. Only the connection
    /// waits for that: who asked goes on at `now`.
    pub(super) fn release(&mut self, slot: usize, now: Monotonic) -> Result<(), EngineError> {
        let Some((mut exchange, carrier)) = self.take_exchange(slot) else {
            return Ok(());
        };
        let done_at = exchange.done_at.unwrap_or(now);
        let deadline = now.plus_nanos(GRACE_AFTER_DONE);
        let rest = Rest {
            reader: exchange.reader.split_rest(),
            since: done_at,
            deadline,
        };
        self.connections.await_end(slot, rest);
        self.deadlines.insert((deadline, slot));
        self.account(*exchange, Ending::Done(done_at), now, carrier)
    }

    /// Takes the request off its connection.
    fn take_exchange(&mut self, slot: usize) -> Option<(Box<Exchange>, Carrier)> {
        let connection = self.connections.get(slot)?;
        let carrier = Carrier {
            thread: self.thread,
            connection: connection.id,
            reused: connection.used > 0,
        };
        let exchange = connection.exchange.take()?;
        self.deadlines.remove(&(exchange.deadline, slot));
        Some((exchange, carrier))
    }

    /// Ends a request that has no connection.
    pub(super) fn finish_detached(
        &mut self,
        exchange: Exchange,
        ending: Ending,
        end: Monotonic,
    ) -> Result<(), EngineError> {
        let carrier = Carrier {
            thread: self.thread,
            ..Carrier::default()
        };
        self.account(exchange, ending, end, carrier)
    }

    fn account(
        &mut self,
        mut exchange: Exchange,
        ending: Ending,
        now: Monotonic,
        carrier: Carrier,
    ) -> Result<(), EngineError> {
        let end = match ending {
            Ending::Done(at) => at,
            _ => now,
        };
        self.in_flight = self.in_flight.saturating_sub(1);
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.ended = true;
        if exchange.sent.is_some() {
            self.in_flight_meter.ended(self.timeline.since_t0(end));
        }
        let (due, was_sent) = (exchange.due, exchange.times.send_start.is_some());
        let messages = std::mem::take(&mut exchange.messages);
        let answer = exchange.reader.take_answer();
        let counted = exchange.counted;
        self.count_arrival(&exchange);
        let mut record = record::build(exchange, ending, end, carrier, &self.plan, &self.timeline);
        if self.plan.spec.keep_text {
            record.output_text = dialect::text_of(&answer);
        }
        let said = Said {
            messages: &messages,
            answer: &answer,
            tokens: tokens_so_far(&record),
        };
        let said = (record.status == Status::Ok).then_some(said);
        self.source.ended(due, now, was_sent, said);
        self.count(&record);
        let result = self.sink.push(record, now);
        if counted {
            self.shared.measured_open.fetch_sub(1, Ordering::AcqRel);
        }
        result.map_err(sink_failed)
    }

    fn count_arrival(&mut self, exchange: &Exchange) {
        if exchange.phase(&self.timeline) == Phase::Window {
            self.report.arrivals += 1;
            self.report.arrivals_queued += u64::from(exchange.due.queued);
        }
    }

    fn count(&self, record: &Record) {
        let counter = match record.status {
            Status::Ok => &self.shared.ok,
            Status::Error | Status::Timeout => &self.shared.errors,
            Status::Cancelled => &self.shared.cancelled,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let tokens = record.tokens.output_usage.or(record.tokens.chunks).unwrap_or(0);
        self.shared.tokens.fetch_add(u64::from(tokens), Ordering::Relaxed);
    }

    /// Ends the requests whose time has run out.
    pub(super) fn end_overdue(&mut self, now: Monotonic) -> Result<(), EngineError> {
        while let Some((deadline, slot)) = self
            .deadlines
            .first()
            .copied()
            .filter(|(deadline, _)| *deadline <= now)
        {
            self.deadlines.remove(&(deadline, slot));
            self.overdue(slot, deadline, now)?;
        }
        Ok(())
    }

    /// What was to happen on a connection by `deadline` has not.
    fn overdue(&mut self, slot: usize, deadline: Monotonic, now: Monotonic) -> Result<(), EngineError> {
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        if connection
            .rest
            .as_ref()
            .is_some_and(|rest| rest.deadline == deadline)
        {
            self.connections.close(slot);
            return Ok(());
        }
        let endpoint = connection.endpoint;
        match &connection.exchange {
            Some(exchange) if exchange.deadline != deadline => Ok(()),
            Some(exchange) if exchange.done_at.is_some() => {
                self.connections.note_end(endpoint, ResponseEnd::Late);
                self.release(slot, now)
            }
            Some(_) => self.finish(slot, Ending::Timeout, now),
            None => Ok(()),
        }
    }

    /// Ends the trial for this thread: what is in flight is cancelled, what never got its turn is recorded too.
    pub(super) fn leave(mut self, now: Monotonic) -> Result<ThreadOutcome, EngineError> {
        let window_cpu = self.meter.window_cpu();
        for slot in self.connections.busy() {
            self.finish(slot, Ending::Cancelled, now)?;
        }
        // An arrival that was due is never lost silently. The load after the window is nobody's measurement.
        let until = match self.timeline.end {
            WindowEnd::At { t2, .. } => t2.min(now),
            WindowEnd::LastSend => now,
        };
        while let Some(due) = self.source.abandon(until) {
            let mut exchange = self.prepare(due, 0, now);
            exchange.times.dispatch = None;
            let carrier = Carrier {
                thread: self.thread,
                ..Carrier::default()
            };
            self.count_arrival(&exchange);
            let record = record::build(
                *exchange,
                Ending::Cancelled,
                now,
                carrier,
                &self.plan,
                &self.timeline,
            );
            self.count(&record);
            self.sink.push_patiently(record).map_err(sink_failed)?;
        }
        self.sink.finish().map_err(sink_failed)?;
        self.report.closing_endpoints.extend(self.connections.closed_by());
        Ok(ThreadOutcome {
            report: self.report,
            window_cpu,
            in_flight: self.in_flight_meter,
        })
    }
}

/// Tokens of a conversation with this request and its answer, where they are known.
fn tokens_so_far(record: &Record) -> Option<u32> {
    let tokens = &record.tokens;
    let output = tokens.output_usage.or(tokens.chunks)?;
    Some(tokens.input_planned?.saturating_add(output))
}
