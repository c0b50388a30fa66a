//! One request and its response, while they are under way.

use hpcbench_records::{EventKind, Phase, StreamEvents, Times};
use hpcbench_stats::EngineReport;
use hpcbench_timing::{Arrival, ArrivalSource, Monotonic};

use super::source::Due;
use super::timeline::{Timeline, WindowEnd};
use crate::fault::Fault;
use crate::plan::Asked;
use crate::response::{ResponseReader, StreamEvent};

/// One request and its response.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) request_id: String,
    pub(super) seq: u64,
    pub(super) endpoint: u16,
    pub(super) asked: Asked,
    pub(super) due: Due,
    /// When the request began; also what it is counted by while it has not been sent.
    pub(super) dispatch: Monotonic,
    /// It may be sent in a window that ends after a number of requests.
    pub(super) ticket: bool,
    /// It is counted among the measured requests that have not ended.
    pub(super) counted: bool,
    /// A connection was there when it began.
    pub(super) connection_free: bool,
    pub(super) times: Times,
    pub(super) sent: Option<Monotonic>,
    pub(super) deadline: Monotonic,
    /// The request's bytes, of which the kernel has taken `written`.
    pub(super) output: Vec<u8>,
    pub(super) written: usize,
    pub(super) retries: u8,
    pub(super) reader: ResponseReader,
    pub(super) events: StreamEvents,
    pub(super) bytes_received: u64,
}

/// What a read brought, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadTimes {
    /// Arrival of its last byte.
    pub(super) arrival: Arrival,
    /// When nothing was waiting in the socket for the last time.
    pub(super) seen_empty: Monotonic,
    /// End of the read in user space.
    pub(super) read: Monotonic,
}

/// How a request ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// The response is complete.
    Complete,
    /// Something went wrong.
    Fault(Fault),
    /// It took too long.
    Timeout,
    /// We stopped it.
    Cancelled,
}

impl Exchange {
    /// When the request counts as made: open shapes go by the schedule, a closed loop by the send, or, while
    /// nothing was sent, by the dispatch (a server that refuses connections must not empty the cohort).
    pub(super) fn counts_at(&self) -> Monotonic {
        if self.due.position.is_some() {
            self.due.intended
        } else {
            self.sent.unwrap_or(self.dispatch)
        }
    }

    /// The part of the trial that the request belongs to. One in the window belongs to the cohort.
    pub(super) fn phase(&self, timeline: &Timeline) -> Phase {
        let closed = self.due.position.is_none();
        match timeline.end {
            WindowEnd::LastSend if closed && self.ticket => Phase::Window,
            WindowEnd::LastSend if closed => Phase::Warmup,
            _ => timeline.phase(self.counts_at()),
        }
    }

    /// Nothing that the server sends for this request can arrive before this.
    pub(super) fn earliest(&self) -> Monotonic {
        self.sent.unwrap_or(self.dispatch)
    }

    /// Takes over the events that one read completed.
    pub(super) fn take_events(&mut self, parsed: &[StreamEvent], times: ReadTimes, timeline: &Timeline) {
        let at = times.arrival.at;
        let since_t0 = timeline.since_t0(at);
        if self.times.headers.is_none() && self.reader.summary().http_status.is_some() {
            self.times.headers = Some(since_t0);
        }
        let blind = at.nanos_since(times.seen_empty.max(self.earliest())).max(0) as u64;
        let read_lag = times.arrival.lag_nanos(times.read);
        // The stamp is that of the read's last byte: it is the last event's arrival, unless more came after it.
        let exact = if self.reader.ends_within_event() {
            None
        } else {
            parsed.len().checked_sub(1)
        };
        for (place, event) in parsed.iter().enumerate() {
            self.events.t.push(since_t0);
            self.events.read_lag.push(read_lag);
            self.events
                .uncertainty
                .push(if Some(place) == exact { 0 } else { blind });
            self.events.kind.push(event.kind);
            self.events.text_bytes.push(event.text_bytes);
            self.events.tokens.push(event.tokens);
            if event.kind.carries_tokens() {
                self.times.first.get_or_insert(since_t0);
                self.times.last = Some(since_t0);
                if is_more_than_reasoning(event.kind) {
                    self.times.first_nonreasoning.get_or_insert(since_t0);
                }
            }
        }
    }
}

/// What is counted about reads, for the verdict.
pub(super) fn count_source(report: &mut EngineReport, source: ArrivalSource) {
    report.reads += 1;
    match source {
        // A step of the clock is counted once for all reads.
        ArrivalSource::Kernel | ArrivalSource::ClockStep => {}
        ArrivalSource::Missing => report.stamps_missing += 1,
        ArrivalSource::Rejected => report.stamps_rejected += 1,
    }
}

/// Whether an event carries text that is no reasoning.
fn is_more_than_reasoning(kind: EventKind) -> bool {
    [EventKind::CONTENT, EventKind::TOOL, EventKind::REFUSAL]
        .iter()
        .any(|sort| kind.contains(*sort))
}
