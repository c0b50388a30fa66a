//! From an ended exchange to its record.

use hpcbench_records::{ErrorKind, Phase, Record, Status, TokenUsage, TokensSource};
use hpcbench_timing::Monotonic;

use super::exchange::{Ending, Exchange};
use super::timeline::Timeline;
use crate::fault::Fault;
use crate::plan::Plan;

/// Where a request was carried.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Carrier {
    pub(super) thread: u16,
    pub(super) connection: u64,
    pub(super) reused: bool,
}

/// Makes the record of a request that ended at `end`.
pub(super) fn build(
    exchange: Exchange,
    ending: Ending,
    end: Monotonic,
    carrier: Carrier,
    plan: &Plan,
    timeline: &Timeline,
) -> Record {
    let phase = exchange.phase(timeline);
    let (status, fault) = judge(&exchange, ending);
    let mut times = exchange.times;
    times.end = Some(timeline.since_t0(end));
    let bytes_sent = exchange.written as u64;
    let summary = exchange.reader.into_summary();
    let stream = plan.spec.stream;
    Record {
        request_id: exchange.request_id,
        seq: exchange.seq,
        node: plan.spec.node.clone(),
        thread: carrier.thread,
        endpoint: exchange.endpoint,
        conversation: exchange.due.turn.map(|turn| turn.conversation),
        turn: exchange.due.turn.map_or(0, |turn| turn.number),
        prompt_id: exchange.asked.prompt_id,
        phase,
        cohort: phase == Phase::Window,
        stream,
        times,
        conn_id: carrier.connection,
        conn_reused: carrier.reused,
        retries: exchange.retries,
        status,
        error_kind: fault.as_ref().map(|fault| fault.kind),
        error_text: fault
            .map(|fault| fault.text.into_owned())
            .filter(|text| !text.is_empty()),
        http_status: summary.http_status,
        finish_reason: summary.finish_reason,
        tokens: TokenUsage {
            input_planned: exchange.asked.input_planned,
            input_usage: summary.usage.input,
            cached_input: summary.usage.cached_input,
            output_planned: Some(exchange.asked.output_planned),
            output_usage: summary.usage.output,
            reasoning_usage: summary.usage.reasoning,
            output_retokenized: None,
            chunks: stream.then_some(summary.token_chunks),
            source: if summary.usage.output.is_some() {
                TokensSource::Usage
            } else {
                TokensSource::Chunks
            },
        },
        bytes_sent,
        bytes_received: exchange.bytes_received,
        server_ns: summary.server_ns,
        output_text: None,
        events: exchange.events,
    }
}

fn judge(exchange: &Exchange, ending: Ending) -> (Status, Option<Fault>) {
    let complete = || match exchange.reader.summary().verdict(exchange.asked.output_planned) {
        Ok(()) => (Status::Ok, None),
        Err(fault) => (Status::Error, Some(fault)),
    };
    let late = |kind| (Status::Timeout, Some(Fault::new(kind, waited_for(exchange))));
    // How the end was missed says less than what the server had told of before.
    let told = || exchange.reader.failure();
    match ending {
        Ending::Complete | Ending::Done(_) => complete(),
        Ending::Timeout => match (told(), exchange.times.first) {
            (Some(fault), _) => (Status::Error, Some(fault)),
            (None, None) => late(ErrorKind::TimeoutFirstToken),
            (None, Some(_)) => late(ErrorKind::TimeoutStream),
        },
        Ending::Fault(fault) => (Status::Error, Some(told().unwrap_or(fault))),
        Ending::Cancelled => (Status::Cancelled, None),
    }
}

/// What a request was waiting for when its time ran out.
fn waited_for(exchange: &Exchange) -> &'static str {
    let times = &exchange.times;
    if times.send_start.is_none() {
        "no connection within the timeout"
    } else if exchange.sent.is_none() {
        "the server did not take the whole request within the timeout"
    } else if times.headers.is_none() {
        "no response within the timeout"
    } else if times.first.is_none() {
        "no token within the timeout"
    } else {
        "the response was not complete within the timeout"
    }
}
