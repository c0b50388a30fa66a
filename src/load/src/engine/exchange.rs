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
    /// Arrival of the server's word that nothing more comes, while the response has not ended.
    pub(super) done_at: Option<Monotonic>,
    /// The request's bytes, of which the kernel has taken `written`: under TLS, while it is being sent, bytes of
    /// ciphertext.
    pub(super) output: Vec<u8>,
    pub(super) written: usize,
    pub(super) retries: u8,
    pub(super) reader: ResponseReader,
    /// Its own messages as a JSON list, where the next request of a conversation will need them.
    pub(super) messages: Vec<u8>,
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
    /// Its last byte belongs to the response. Under TLS there may be a part of a record behind it, or another message.
    pub(super) ends_with_response: bool,
}

/// How a request ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// The response is complete.
    Complete,
    /// The server said then that nothing more comes. The end of the response is not waited for.
    Done(Monotonic),
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

    /// For how long nobody had looked when a read's last byte arrived.
    fn blind(&self, times: ReadTimes) -> u64 {
        let since = times.seen_empty.max(self.earliest());
        times.arrival.at.nanos_since(since).max(0) as u64
    }

    /// How late a read was that completed the response; `None` if the kernel does not say when its last byte came.
    pub(super) fn lag_of_end(&self, times: ReadTimes) -> Option<u64> {
        let behind = if times.ends_with_response {
            0
        } else {
            self.blind(times)
        };
        let lag = times.arrival.lag_nanos(times.read).saturating_add(behind);
        (times.arrival.source == ArrivalSource::Kernel).then_some(lag)
    }

    /// Takes over the events that one read completed.
    pub(super) fn take_events(&mut self, parsed: &[StreamEvent], times: ReadTimes, timeline: &Timeline) {
        let at = times.arrival.at;
        let since_t0 = timeline.since_t0(at);
        if self.times.headers.is_none() && self.reader.summary().http_status.is_some() {
            self.times.headers = Some(since_t0);
        }
        let blind = self.blind(times);
        let read_lag = times.arrival.lag_nanos(times.read);
        // The stamp is that of the read's last byte: it is the last event's arrival, unless more came after it. Where
        // there is no usable stamp the time of the read stands for it, and the report counts how often.
        let exact = if self.reader.ends_within_event() || !times.ends_with_response {
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
        ArrivalSource::Kernel => {}
        // The stamp is there, but cannot be converted.
        ArrivalSource::Missing | ArrivalSource::ClockStep => report.stamps_missing += 1,
        ArrivalSource::Rejected => report.stamps_rejected += 1,
    }
}

/// Whether an event carries text that is no reasoning.
fn is_more_than_reasoning(kind: EventKind) -> bool {
    [EventKind::CONTENT, EventKind::TOOL, EventKind::REFUSAL]
        .iter()
        .any(|sort| kind.contains(*sort))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::spec::{Cooldown, Dialect, Length};

    const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

    fn timeline(length: Length) -> Timeline {
        Timeline::new(
            Monotonic(0),
            Duration::from_nanos(100),
            length,
            Duration::from_micros(1),
        )
    }

    fn exchange(position: Option<u64>) -> Exchange {
        Exchange {
            request_id: String::new(),
            seq: 0,
            endpoint: 0,
            asked: Asked {
                prompt_id: 0,
                input_planned: None,
                output_planned: 1,
            },
            messages: Vec::new(),
            due: Due {
                user: 0,
                turn: None,
                intended: Monotonic(90),
                position,
                queued: false,
            },
            dispatch: Monotonic(110),
            ticket: false,
            counted: false,
            connection_free: false,
            times: Times::default(),
            sent: None,
            deadline: Monotonic(i64::MAX),
            done_at: None,
            output: Vec::new(),
            written: 0,
            retries: 0,
            reader: ResponseReader::new(Dialect::Chat, true),
            events: StreamEvents::default(),
            bytes_received: 0,
        }
    }

    fn chunk(event: &str) -> String {
        format!("{:x}\r\n{event}\r\n", event.len())
    }

    fn content(text: &str) -> String {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    }

    fn read(exchange: &mut Exchange, text: &str, seen_empty: i64, at: i64, read: i64) {
        let mut parsed = Vec::new();
        exchange.reader.feed(text.as_bytes(), &mut parsed).unwrap();
        let arrival = Arrival {
            at: Monotonic(at),
            source: ArrivalSource::Kernel,
        };
        let times = ReadTimes {
            arrival,
            seen_empty: Monotonic(seen_empty),
            read: Monotonic(read),
            ends_with_response: true,
        };
        exchange.take_events(&parsed, times, &timeline(Length::Requests(1)));
    }

    #[test]
    fn only_the_last_event_of_a_read_is_exact() {
        let mut exchange = exchange(None);
        exchange.sent = Some(Monotonic(200));
        read(&mut exchange, HEAD, 150, 300, 310);
        assert_eq!(exchange.times.headers, Some(300));
        read(
            &mut exchange,
            &[chunk(&content("a")), chunk(&content("b"))].concat(),
            320,
            400,
            450,
        );
        read(&mut exchange, &chunk(&content("c")), 430, 500, 501);
        let events = &exchange.events;
        assert_eq!(
            (&events.t, &events.uncertainty),
            (&vec![400, 400, 500], &vec![80, 0, 0])
        );
        assert_eq!(events.read_lag, [50, 50, 1]);
        assert_eq!(
            (exchange.times.first, exchange.times.last),
            (Some(400), Some(500))
        );
    }

    #[test]
    fn nothing_is_exact_before_a_part_of_the_next_event() {
        let mut exchange = exchange(None);
        exchange.sent = Some(Monotonic(200));
        read(
            &mut exchange,
            &[HEAD, &chunk(&[&content("a"), "data: {"].concat())].concat(),
            150,
            300,
            310,
        );
        // Nothing can have come before the request was sent.
        assert_eq!(exchange.events.uncertainty, [100]);
    }

    #[test]
    fn nothing_is_exact_before_the_framing_of_the_next_chunk() {
        let uncertainty = |after: &str| {
            let mut exchange = exchange(None);
            exchange.sent = Some(Monotonic(200));
            let text = [HEAD, &chunk(&content("a")), after].concat();
            read(&mut exchange, &text, 150, 300, 310);
            exchange.events.uncertainty[0]
        };
        // What follows the event's own data came with it.
        assert_eq!(uncertainty(""), 0);
        for after in ["1", "1f", "1f;x", "1f\r", "1f\r\n", "0\r\n"] {
            assert_eq!(uncertainty(after), 100, "{after:?}");
        }
        // Two events in one chunk, of which the second has not come.
        let mut exchange = exchange(None);
        exchange.sent = Some(Monotonic(200));
        let both = chunk(&[content("a"), content("b")].concat());
        let first = both.len() - content("b").len() - 2;
        read(&mut exchange, &[HEAD, &both[..first]].concat(), 150, 300, 310);
        assert_eq!(exchange.events.uncertainty, [0]);
    }

    #[test]
    fn the_end_of_a_document_has_a_lag_where_its_stamp_is_the_kernels() {
        let exchange = exchange(None);
        let times = |source, ends_with_response| ReadTimes {
            arrival: Arrival {
                at: Monotonic(400),
                source,
            },
            seen_empty: Monotonic(320),
            read: Monotonic(450),
            ends_with_response,
        };
        assert_eq!(exchange.lag_of_end(times(ArrivalSource::Kernel, true)), Some(50));
        // Something came after it, and it may have come at any time since the socket was empty.
        assert_eq!(
            exchange.lag_of_end(times(ArrivalSource::Kernel, false)),
            Some(130)
        );
        for source in [
            ArrivalSource::Missing,
            ArrivalSource::Rejected,
            ArrivalSource::ClockStep,
        ] {
            assert_eq!(exchange.lag_of_end(times(source, true)), None);
        }
    }

    #[test]
    fn reads_without_a_usable_stamp_are_counted() {
        let mut report = EngineReport::empty(hpcbench_stats::StampSource::Kernel);
        for source in [
            ArrivalSource::Kernel,
            ArrivalSource::Missing,
            ArrivalSource::ClockStep,
            ArrivalSource::Rejected,
        ] {
            count_source(&mut report, source);
        }
        assert_eq!(
            (report.reads, report.stamps_missing, report.stamps_rejected),
            (4, 2, 1)
        );
    }

    #[test]
    fn closed_loops_count_by_the_send_and_open_ones_by_the_schedule() {
        let duration = Duration::from_nanos(100);
        let timed = timeline(Length::Duration {
            duration,
            cooldown: Cooldown::Load,
        });
        let (mut closed, open) = (exchange(None), exchange(Some(4)));
        assert_eq!(
            (closed.phase(&timed), open.phase(&timed)),
            (Phase::Window, Phase::Warmup)
        );
        closed.sent = Some(Monotonic(205));
        assert_eq!(closed.phase(&timed), Phase::Cooldown);
        let counted = timeline(Length::Requests(1));
        assert_eq!(
            (closed.phase(&counted), open.phase(&counted)),
            (Phase::Warmup, Phase::Warmup)
        );
        closed.ticket = true;
        assert_eq!(closed.phase(&counted), Phase::Window);
    }
}
