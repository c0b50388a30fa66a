//! Servers behind TLS, good ones and bad ones.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use hpcbench_load::{Connections, Length, LoadSpec, PrepareError, Shape, Tls, TokenCount, Trust, prepare};
use hpcbench_load::{PromptSource, TrustError};
use hpcbench_records::{ErrorKind, Record, Status};
use hpcbench_tests::{Authority, TlsManners};

use crate::server::{After, Server, content, say, stream};
use crate::{run, spec};

const GAP: Duration = Duration::from_millis(20);

/// An authority and the file that clients know it by.
struct Trusted {
    authority: Authority,
    scratch: tempfile::TempDir,
}

impl Trusted {
    fn new() -> Self {
        let authority = Authority::new().unwrap();
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join("ca.pem"), authority.pem()).unwrap();
        Self { authority, scratch }
    }

    fn ca_file(&self) -> PathBuf {
        self.scratch.path().join("ca.pem")
    }

    /// A load on a server behind TLS with these manners.
    fn spec(&self, server: &Server, manners: TlsManners) -> LoadSpec {
        self.spec_at(self.authority.front(server.address, manners).unwrap())
    }

    fn spec_at(&self, address: SocketAddr) -> LoadSpec {
        // Each load has a folder of its own.
        let mut spec = spec(address, &self.scratch);
        spec.scratch = tempfile::tempdir_in(self.scratch.path()).unwrap().keep();
        spec.endpoints[0].host = address.to_string();
        spec.endpoints[0].tls = Some(Tls {
            server_name: address.ip().to_string(),
            trust: Trust {
                ca_file: Some(self.ca_file()),
                verify: true,
            },
        });
        spec
    }

    /// The one request of a load on a server with these manners.
    fn single(&self, server: &Server, manners: TlsManners) -> Record {
        let (mut records, _) = run(self.spec(server, manners));
        assert_eq!(records.len(), 1);
        records.remove(0)
    }
}

fn three_tokens() -> Server {
    Server::start(|_, socket| stream(socket, 3, GAP))
}

fn kinds(record: &Record) -> Vec<u16> {
    record.events.kind.iter().map(|kind| kind.0).collect()
}

#[track_caller]
fn refused(record: &Record, reason: &str) {
    let text = record.error_text.as_deref().unwrap_or_default();
    assert_eq!(record.error_kind, Some(ErrorKind::Tls), "{record:?}");
    assert!(text.contains(reason), "{text}");
    assert!(
        record.times.connect_end.is_some() && record.times.tls_end.is_none() && record.times.sent.is_none(),
        "{:?}",
        record.times
    );
}

#[test]
fn a_stream_under_tls_becomes_the_same_record() {
    let (trusted, server) = (Trusted::new(), three_tokens());
    let (plain, _) = run(spec(server.address, &tempfile::tempdir().unwrap()));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut spec = trusted.spec(
            &server,
            TlsManners {
                version,
                ..TlsManners::default()
            },
        );
        spec.length = Length::Requests(4);
        let (records, outcome) = run(spec);
        for record in &records {
            assert_eq!((record.status, &record.error_text), (Status::Ok, &None));
            assert_eq!(kinds(record), kinds(&plain[0]));
            assert_eq!(record.bytes_received, plain[0].bytes_received);
            let requests = server.requests();
            let length = requests[0].head.len() + requests[0].body.to_string().len();
            assert!(record.bytes_sent.abs_diff(length as u64) < 64);
            let times = record.times;
            let order = [
                times.send_start,
                times.sent,
                times.headers,
                times.first,
                times.last,
                times.end,
            ];
            let order: Vec<i64> = order.into_iter().map(Option::unwrap).collect();
            assert!(order.is_sorted(), "{order:?}");
            let exact = record.events.uncertainty.iter().filter(|blind| **blind == 0);
            assert!(exact.count() > 2, "{:?}", record.events.uncertainty);
        }
        let first = records[0].times;
        assert!(first.connect_end <= first.tls_end && first.tls_end <= first.send_start);
        assert!(first.tls_end.is_some() && records[3].times.tls_end.is_none());
        // The second request cannot know yet whether the first one's connection lasts.
        let reused: Vec<bool> = records.iter().map(|record| record.conn_reused).collect();
        assert_eq!(reused, [false, false, true, true]);
        assert_eq!(outcome.engine.stamps_missing + outcome.engine.stamps_rejected, 0);
    }
}

#[test]
fn records_are_put_together_wherever_they_are_split() {
    let (trusted, server) = (Trusted::new(), three_tokens());
    let whole = trusted.single(&server, TlsManners::default());
    for (piece, fragment) in [(1, None), (7, None), (usize::MAX, Some(64)), (13, Some(64))] {
        let manners = TlsManners {
            piece,
            fragment,
            ..TlsManners::default()
        };
        let record = trusted.single(&server, manners);
        assert_eq!(
            (record.status, kinds(&record)),
            (Status::Ok, kinds(&whole)),
            "{manners:?}"
        );
        assert_eq!(record.events.text_bytes, whole.events.text_bytes);
        assert_eq!(record.bytes_received, whole.bytes_received);
    }
}

#[test]
fn requests_may_be_longer_than_a_record() {
    let (trusted, server) = (Trusted::new(), three_tokens());
    let mut spec = trusted.spec(&server, TlsManners::default());
    spec.prompts.source = PromptSource::Synthetic {
        input_tokens: TokenCount::Fixed(100_000),
        shared_prefix_tokens: 0,
    };
    let (records, _) = run(spec);
    assert_eq!(records[0].status, Status::Ok, "{:?}", records[0].error_text);
    assert!(records[0].bytes_sent > 300_000);
    let prompt = &server.requests()[0].body["messages"][0]["content"];
    assert_eq!(prompt.as_str().unwrap().split_whitespace().count(), 100_000);
}

#[test]
fn fresh_connections_each_shake_hands() {
    let (trusted, server) = (Trusted::new(), three_tokens());
    let mut spec = trusted.spec(&server, TlsManners::default());
    spec.connections = Connections::Fresh;
    spec.length = Length::Requests(3);
    let (records, _) = run(spec);
    assert!(
        records.iter().all(|record| record.status == Status::Ok
            && !record.conn_reused
            && record.times.tls_end.is_some())
    );
}

#[test]
fn who_cannot_be_trusted_gets_no_request() {
    let (trusted, server) = (Trusted::new(), three_tokens());
    let manners = TlsManners {
        name: "elsewhere.example",
        ..TlsManners::default()
    };
    refused(&trusted.single(&server, manners), "for another name");
    let manners = TlsManners {
        expired: true,
        ..TlsManners::default()
    };
    refused(&trusted.single(&server, manners), "has expired");
    let stranger = Authority::new().unwrap();
    let address = stranger.front(server.address, TlsManners::default()).unwrap();
    let (records, _) = run(trusted.spec_at(address));
    refused(&records[0], "ca_file");
    assert!(server.requests().is_empty());
}

#[test]
fn who_need_not_be_trusted_gets_it() {
    let (trusted, server) = (Trusted::new(), three_tokens());
    let manners = TlsManners {
        name: "elsewhere.example",
        expired: true,
        ..TlsManners::default()
    };
    let mut spec = trusted.spec(&server, manners);
    spec.endpoints[0].tls.as_mut().unwrap().trust = Trust {
        ca_file: None,
        verify: false,
    };
    let (records, _) = run(spec);
    assert_eq!(records[0].status, Status::Ok, "{:?}", records[0].error_text);
}

#[test]
fn servers_without_tls() {
    let trusted = Trusted::new();
    // As a web server answers what it cannot read.
    let plain = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = plain.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut socket, _) = plain.accept().unwrap();
        std::io::Read::read(&mut socket, &mut [0; 1024]).unwrap();
        say(
            &mut socket,
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
        );
    });
    let (records, _) = run(trusted.spec_at(address));
    refused(&records[0], "http:// URL");
}

#[test]
fn servers_with_tls_that_nobody_speaks() {
    let (trusted, server) = (Trusted::new(), three_tokens());
    let mut spec = trusted.spec(&server, TlsManners::default());
    spec.endpoints[0].tls = None;
    let (records, _) = run(spec);
    assert_eq!(records[0].error_kind, Some(ErrorKind::Malformed));
    assert!(records[0].error_text.as_deref().unwrap().contains("https://"));
}

#[test]
fn servers_that_hang_up_in_the_handshake_or_say_nothing() {
    let trusted = Trusted::new();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        std::io::Read::read(&mut socket, &mut [0; 1024]).unwrap();
        drop(socket);
        let silent = listener.accept().unwrap();
        std::thread::sleep(Duration::from_secs(5));
        drop(silent);
    });
    let (records, _) = run(trusted.spec_at(address));
    refused(&records[0], "during the handshake");
    let mut spec = trusted.spec_at(address);
    spec.timeout = Duration::from_millis(200);
    let (records, _) = run(spec);
    assert_eq!(
        (records[0].status, records[0].error_text.as_deref()),
        (Status::Timeout, Some("no connection within the timeout"))
    );
}

#[test]
fn an_end_is_believed_only_if_it_was_announced() {
    let trusted = Trusted::new();
    let server = Server::start(|_, socket| {
        say(
            socket,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n",
        );
        say(
            socket,
            "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n",
        );
        After::Close
    });
    let polite = trusted.single(&server, TlsManners::default());
    assert_eq!(
        (polite.error_text, polite.status, polite.tokens.chunks),
        (None, Status::Ok, Some(1))
    );
    let manners = TlsManners {
        says_goodbye: false,
        ..TlsManners::default()
    };
    let abrupt = trusted.single(&server, manners);
    assert_eq!(
        (abrupt.error_kind, abrupt.tokens.chunks),
        (Some(ErrorKind::CutStream), Some(1))
    );
    assert!(abrupt.error_text.unwrap().contains("closing message"));
    // A response that says itself where it ends needs no farewell; a cut one is cut with the best of manners.
    let complete = Server::start(|_, socket| {
        stream(socket, 1, GAP);
        After::Close
    });
    assert_eq!(trusted.single(&complete, manners).status, Status::Ok);
    let cut = Server::start(|_, socket| {
        say(socket, &[crate::server::STREAM_HEAD, &content("a")].concat());
        After::Close
    });
    assert_eq!(
        trusted.single(&cut, TlsManners::default()).error_kind,
        Some(ErrorKind::CutStream)
    );
}

#[test]
fn connections_that_were_closed_meanwhile_are_not_used() {
    let trusted = Trusted::new();
    let server = Server::start(|request, socket| {
        stream(socket, 1, GAP);
        if request.turn == 0 {
            After::Keep
        } else {
            After::Close
        }
    });
    let mut spec = trusted.spec(&server, TlsManners::default());
    spec.shape = Shape::Closed {
        concurrency: 1,
        think_time: Duration::from_millis(50),
        turns: NonZeroU16::MIN,
    };
    spec.length = Length::Requests(4);
    let (records, _) = run(spec);
    assert!(
        records.iter().all(|record| record.status == Status::Ok),
        "{records:?}"
    );
    let reused: Vec<bool> = records.iter().map(|record| record.conn_reused).collect();
    assert!(reused[1] && !reused[2], "{reused:?}");
}

#[test]
fn authorities_that_cannot_be_read_are_said_before_the_start() {
    let trusted = Trusted::new();
    let error = |ca_file: PathBuf| {
        let mut spec = trusted.spec_at(([127, 0, 0, 1], 9).into());
        spec.endpoints[0].tls.as_mut().unwrap().trust.ca_file = Some(ca_file);
        prepare(spec, &[]).unwrap_err()
    };
    let missing = error(trusted.scratch.path().join("none.pem"));
    assert!(
        matches!(missing, PrepareError::Trust(TrustError::CaFile { .. })),
        "{missing:?}"
    );
    let empty = trusted.scratch.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    let empty = error(empty);
    assert!(
        matches!(empty, PrepareError::Trust(TrustError::NotPem { .. })),
        "{empty:?}"
    );
}
