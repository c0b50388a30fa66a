//! The engine against real sockets: tiny servers that answer well, badly, or not at all.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod connections;
mod conversations;
mod faults;
mod server;
mod shapes;
mod streams;
mod tls;
mod traces;

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use hpcbench_load::{
    ClientShare, Connections, Cooldown, Dialect, Endpoint, Length, LoadSpec, Outcome, Pin, PromptSource,
    Prompts, Sampling, Shape, Start, TokenCount, prepare,
};
use hpcbench_records::{BlockReader, Record};

/// A short load of one user; tests change what they are about.
fn spec(address: SocketAddr, scratch: &tempfile::TempDir) -> LoadSpec {
    LoadSpec {
        node: "n1".into(),
        request_prefix: "t".into(),
        client: ClientShare::SOLE,
        clients_on_host: 1,
        endpoints: vec![Endpoint {
            address,
            host: "server".into(),
            base_path: String::new(),
            key: None,
            tls: None,
        }],
        model: "m".into(),
        dialect: Dialect::Chat,
        stream: true,
        shape: Shape::Closed {
            concurrency: 1,
            think_time: Duration::ZERO,
            turns: NonZeroU16::MIN,
        },
        warmup: Duration::ZERO,
        length: Length::Requests(1),
        timeout: Duration::from_secs(20),
        prompts: Prompts {
            source: PromptSource::Synthetic {
                input_tokens: TokenCount::Fixed(12),
                shared_prefix_tokens: 0,
            },
            output_tokens: TokenCount::Fixed(3),
            nonce: true,
            tokenizer: None,
        },
        sampling: Sampling::default(),
        keep_text: false,
        seed: 1,
        threads: None,
        pin: Pin::Auto,
        keep_awake: false,
        connections: Connections::default(),
        scratch: scratch.path().to_owned(),
    }
}

fn lasting(milliseconds: u64, cooldown: Cooldown) -> Length {
    Length::Duration {
        duration: Duration::from_millis(milliseconds),
        cooldown,
    }
}

/// Runs a load to its end: its records in the order of dispatch, and the outcome.
fn run(spec: LoadSpec) -> (Vec<Record>, Outcome) {
    let outcome = prepare(spec, &[])
        .unwrap()
        .start(Start::Now)
        .unwrap()
        .join()
        .unwrap();
    (records(&outcome), outcome)
}

fn records(outcome: &Outcome) -> Vec<Record> {
    let mut records = Vec::new();
    for file in &outcome.files {
        let read: Vec<Record> = BlockReader::open(&file.path)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(read.len() as u64, file.records);
        records.extend(read);
    }
    records.sort_by_key(|record| record.seq);
    records
}

/// Runs a load with the only request of which the server gets this answer, and returns its record.
fn single(
    answer: impl Fn(&server::Request, &mut std::net::TcpStream) -> server::After + Send + Sync + 'static,
) -> Record {
    let scratch = tempfile::tempdir().unwrap();
    let server = server::Server::start(answer);
    let (mut records, _) = run(spec(server.address, &scratch));
    assert_eq!(records.len(), 1);
    records.remove(0)
}
