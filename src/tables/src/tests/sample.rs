//! Records of every sort.

use hpcbench_records::{
    ErrorKind, EventKind, Phase, Record, StampSource, Status, StreamEvents, Times, TokenUsage, TokensSource,
};

use crate::RecordsMeta;

pub(super) fn meta() -> RecordsMeta {
    RecordsMeta {
        t0_realtime_ns: 1_790_000_000_000_000_000,
        t0_error_ns: 900,
        t1_ns: -5,
        t2_ns: 6_000_000_000,
        stamps: StampSource::Kernel,
        seed: u64::MAX,
        engine_version: "0.1.0".into(),
        tokenizer_hash: Some("ab12".into()),
        connections: Some("fresh".into()),
        engine_threads: None,
    }
}

pub(super) fn records(seqs: std::ops::Range<u64>) -> Vec<Record> {
    seqs.map(record).collect()
}

/// A record whose optional fields come and go with its number.
pub(super) fn record(seq: u64) -> Record {
    let some = |every: u64| seq.is_multiple_of(every);
    let base = seq as i64 * 1_000_000;
    let at = |offset: i64, every: u64| some(every).then_some(base + offset);
    let events = (seq % 70) as usize;
    Record {
        request_id: format!("request-{seq}"),
        seq,
        node: "node-1".into(),
        thread: (seq % 4) as u16,
        endpoint: (seq % 3) as u16,
        conversation: some(3).then_some(seq / 3),
        turn: (seq % 5) as u16,
        prompt_id: u64::MAX - seq,
        phase: Phase::ALL[seq as usize % Phase::ALL.len()],
        cohort: some(2),
        stream: !some(5),
        times: Times {
            intended: base - 7,
            dispatch: at(0, 1),
            connect_start: at(1, 2),
            connect_end: at(2, 2),
            tls_end: at(3, 6),
            send_start: at(4, 1),
            sent: at(5, 1),
            send_done: at(6, 1),
            headers: at(50_000, 2),
            first: at(50_001, 2),
            first_nonreasoning: at(50_002, 4),
            last: at(90_000, 2),
            end: at(90_001, 1),
        },
        conn_id: seq / 2,
        conn_reused: !some(2),
        retries: (seq % 3) as u8,
        status: Status::ALL[seq as usize % Status::ALL.len()],
        error_kind: some(4).then(|| ErrorKind::ALL[(seq / 4) as usize % ErrorKind::ALL.len()]),
        error_text: some(4).then(|| "connection reset – naïve \"text\"\n".into()),
        http_status: some(2).then_some(200),
        finish_reason: some(2).then(|| "length".into()),
        tokens: tokens(seq),
        bytes_sent: 412,
        bytes_received: seq * 1_000,
        server_ns: (0..seq % 3).map(|i| (format!("duration_{i}"), seq + i)).collect(),
        output_text: some(7).then(|| "Ünïcödé".repeat(3)),
        events: stream_events(base, events),
    }
}

fn tokens(seq: u64) -> TokenUsage {
    let some = |every: u64, value: u32| seq.is_multiple_of(every).then_some(value);
    TokenUsage {
        input_planned: Some(512),
        input_usage: some(2, 515),
        cached_input: some(4, 0),
        output_planned: some(1, 64),
        output_usage: some(2, 64),
        reasoning_usage: some(8, 3),
        output_retokenized: None,
        chunks: some(2, (seq % 70) as u32),
        source: TokensSource::ALL[seq as usize % 2],
    }
}

fn stream_events(base: i64, n: usize) -> StreamEvents {
    StreamEvents {
        t: (0..n as i64).map(|i| base + 50_000 + i * 10_000_000).collect(),
        read_lag: (0..n as u64).map(|i| 4_000 + i * 13).collect(),
        uncertainty: (0..n as u64)
            .map(|i| if i % 9 == 8 { 100_000 } else { 0 })
            .collect(),
        kind: (0..n as u16)
            .map(|i| EventKind::CHOICES.with(EventKind(i % 1_024)))
            .collect(),
        text_bytes: (0..n as u32).collect(),
        tokens: (0..n as u32).map(|i| i.is_multiple_of(2).then_some(i)).collect(),
    }
}
