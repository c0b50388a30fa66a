//! Replaying recorded arrivals.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::time::Duration;

use hpcbench_load::{ClientShare, Cooldown, Length, LoadSpec, Shape, TraceRequest};
use hpcbench_records::{Record, Status};

use crate::server::{Server, stream};
use crate::{lasting, run, spec};

const MS: u64 = 1_000_000;

/// Thirty arrivals, ten milliseconds apart; every third shares its first block with the others of its kind.
fn trace() -> Vec<TraceRequest> {
    let request = |place: u64| TraceRequest {
        at: place * 10 * MS,
        input_tokens: Some(20 + place as u32),
        output_tokens: Some(1 + (place % 4) as u32),
        blocks: match place % 3 {
            0 => [7, 100 + place, 200 + place, 300 + place][..(20 + place as usize).div_ceil(16)].into(),
            _ => Box::default(),
        },
    };
    (0..30).map(request).collect()
}

fn replaying(spec: &mut LoadSpec, speed: f64, max_in_flight: u32) {
    spec.shape = Shape::Trace {
        requests: trace().into(),
        block_tokens: 16,
        speed,
        max_in_flight,
    };
    spec.length = lasting(800, Cooldown::Drain);
}

fn text(body: &serde_json::Value) -> Vec<String> {
    let text = body["messages"][0]["content"].as_str().unwrap();
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn arrivals_and_lengths_are_those_of_the_trace() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|request, socket| {
        let tokens = request.body["max_tokens"].as_u64().unwrap();
        stream(socket, tokens as u32, Duration::ZERO)
    });
    let mut spec = spec(server.address, &scratch);
    replaying(&mut spec, 2.0, 100);
    let (records, outcome) = run(spec);
    assert_eq!((records.len(), outcome.engine.arrivals), (30, 30));
    for (place, record) in records.iter().enumerate() {
        assert_eq!(record.status, Status::Ok);
        assert_eq!(record.times.intended, place as i64 * 5_000_000);
        assert_eq!(record.tokens.input_planned, Some(20 + place as u32));
        assert_eq!(record.tokens.output_usage, Some(1 + place as u32 % 4));
        assert_eq!(record.prompt_id, place as u64);
    }
    let by_id: BTreeMap<String, Vec<String>> = server
        .requests()
        .iter()
        .map(|request| {
            (
                request.header("x-request-id").unwrap().to_owned(),
                text(&request.body),
            )
        })
        .collect();
    let words = |place: usize| by_id[&records[place].request_id].clone();
    assert!((0..30).all(|place| words(place).len() == 20 + place));
    assert_eq!(words(0)[..16], words(3)[..16]);
    assert_ne!(words(0)[16..], words(3)[16..20]);
    assert_ne!(words(1)[..5], words(2)[..5]);
}

#[test]
fn clients_and_threads_share_a_trace_exactly() {
    let server = Server::start(|_, socket| stream(socket, 1, Duration::ZERO));
    let mut all: Vec<Record> = Vec::new();
    for index in 0..3 {
        let scratch = tempfile::tempdir().unwrap();
        let mut spec = spec(server.address, &scratch);
        replaying(&mut spec, 10.0, 12);
        spec.client = ClientShare { index, count: 3 };
        spec.threads = NonZeroU16::new(2);
        spec.length = Length::Requests(30);
        all.extend(run(spec).0);
    }
    let mut prompts: Vec<u64> = all.iter().map(|record| record.prompt_id).collect();
    prompts.sort_unstable();
    assert_eq!(prompts, (0..30).collect::<Vec<u64>>());
}

#[test]
fn nothing_is_lost_when_the_server_is_slow() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| stream(socket, 1, Duration::from_millis(20)));
    let mut spec = spec(server.address, &scratch);
    replaying(&mut spec, 1.0, 1);
    let (records, outcome) = run(spec);
    assert_eq!((records.len(), outcome.engine.arrivals), (30, 30));
    assert!(records.iter().all(|record| record.status == Status::Ok));
    assert!(outcome.engine.arrivals_queued >= 10 && outcome.engine.peak_queue >= 5);
}
