//! Records and trials to compute with.

mod any;
mod python;
pub(crate) mod service;

use hpcbench_records::{
    ErrorKind, EventKind, Phase, Record, Status, StreamEvents, Times, TokenUsage, TokensSource,
};

use crate::{EngineReport, Expectations, Load, StampSource, TrialAggregate, Window};

pub(crate) use any::{any_record, any_records};
pub(crate) use python::{clients, python};

/// A millisecond in nanoseconds.
pub(crate) const MS: i64 = 1_000_000;

/// One closed-loop client without limits.
pub(crate) fn expectations() -> Expectations {
    Expectations::new(Load::Closed {
        concurrency: 1,
        think_time_ns: 0,
    })
}

/// A window between two instants in milliseconds.
pub(crate) fn window(t1_ms: i64, t2_ms: i64) -> Window {
    Window {
        t1: t1_ms * MS,
        t2: t2_ms * MS,
        drained: false,
    }
}

/// The aggregate of one client.
pub(crate) fn aggregate(window: Window, expectations: &Expectations, records: &[Record]) -> TrialAggregate {
    let mut aggregate = TrialAggregate::new("client", window, expectations);
    for record in records {
        aggregate.add(record);
    }
    aggregate
}

/// A successful stream of the cohort: intended 2 ms before it was sent, a role-only event 1 ms before the first chunk,
/// one token a chunk, ended 1 ms after the last. Times in milliseconds.
pub(crate) fn stream(sent_ms: i64, chunks_ms: &[i64]) -> Record {
    stream_ns(
        sent_ms * MS,
        &chunks_ms.iter().map(|ms| ms * MS).collect::<Vec<_>>(),
    )
}

/// The same with times in nanoseconds.
pub(crate) fn stream_ns(sent: i64, chunks: &[i64]) -> Record {
    let (first, last) = (chunks.first().copied(), chunks.last().copied());
    let mut t = chunks.to_vec();
    t.insert(0, first.unwrap_or(sent + 2 * MS) - MS);
    let mut kind = vec![EventKind::CHOICES.with(EventKind::CONTENT); t.len()];
    kind[0] = EventKind::CHOICES;
    let events = StreamEvents {
        read_lag: vec![10_000; t.len()],
        uncertainty: vec![0; t.len()],
        text_bytes: vec![4; t.len()],
        tokens: vec![None; t.len()],
        kind,
        t,
    };
    let times = Times {
        intended: sent - 2 * MS,
        sent: Some(sent),
        first,
        last,
        end: Some(last.unwrap_or(sent) + MS),
        ..Times::default()
    };
    Record {
        request_id: format!("{sent}"),
        seq: 0,
        node: "node".into(),
        thread: 0,
        endpoint: 0,
        conversation: None,
        turn: 0,
        prompt_id: 0,
        phase: Phase::Window,
        cohort: true,
        stream: true,
        times,
        conn_id: 0,
        conn_reused: true,
        retries: 0,
        status: Status::Ok,
        error_kind: None,
        error_text: None,
        http_status: Some(200),
        finish_reason: None,
        tokens: TokenUsage {
            input_planned: Some(100),
            output_usage: Some(chunks.len() as u32),
            chunks: Some(chunks.len() as u32),
            source: TokensSource::Usage,
            ..TokenUsage::default()
        },
        bytes_sent: 0,
        bytes_received: 0,
        server_ns: std::collections::BTreeMap::default(),
        output_text: None,
        events,
    }
}

/// A request of the cohort that got an answer without a stream. Times in milliseconds.
pub(crate) fn whole(sent_ms: i64, end_ms: i64, tokens: u32) -> Record {
    let mut record = stream(sent_ms, &[]);
    record.stream = false;
    record.events.clear();
    record.times.end = Some(end_ms * MS);
    record.tokens.output_usage = Some(tokens);
    record.tokens.chunks = None;
    record
}

/// A request of the cohort that failed. Times in milliseconds.
pub(crate) fn failure(sent_ms: i64, end_ms: i64, kind: ErrorKind) -> Record {
    let mut record = stream(sent_ms, &[]);
    record.events.clear();
    record.times.end = Some(end_ms * MS);
    record.tokens = TokenUsage {
        chunks: Some(0),
        ..TokenUsage::default()
    };
    record.error_kind = Some(kind);
    record.status = match kind {
        ErrorKind::TimeoutFirstToken | ErrorKind::TimeoutStream => Status::Timeout,
        _ => Status::Error,
    };
    record
}

/// A request of the cohort that we stopped before its first token. Times in milliseconds.
pub(crate) fn cancelled(sent_ms: i64, end_ms: i64) -> Record {
    let mut record = failure(sent_ms, end_ms, ErrorKind::Empty);
    record.error_kind = None;
    record.status = Status::Cancelled;
    record
}

/// The report of an engine thread that had an easy time.
pub(crate) fn calm_engine(window: Window) -> EngineReport {
    let mut report = EngineReport::new("node", 0, StampSource::Kernel).with_cores_awake(true);
    report.reads = 10_000;
    report.arrivals = 1_000;
    for _ in 0..100 {
        report.record_loop_gap(50_000);
        report.lateness.record(20_000);
    }
    report.finish(window, Some(window.nanoseconds() / 10));
    report
}
