//! Which connection carries a request.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::time::Duration;

use hpcbench_load::{Connections, Length, Shape};
use hpcbench_records::{Record, Status};

use crate::server::{After, Server, stream};
use crate::{run, spec};

/// The records of 40 requests of two users, and what the server saw.
fn forty(connections: Connections, after: After) -> (Vec<Record>, hpcbench_load::Outcome, Server) {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(move |_, socket| {
        stream(socket, 1, Duration::from_millis(10));
        after
    });
    let mut spec = spec(server.address, &scratch);
    spec.shape = Shape::Closed {
        concurrency: 2,
        think_time: Duration::ZERO,
        turns: NonZeroU16::MIN,
    };
    spec.length = Length::Requests(40);
    spec.connections = connections;
    let (records, outcome) = run(spec);
    assert!(records.iter().all(|record| record.status == Status::Ok));
    (records, outcome, server)
}

fn count(records: &[Record]) -> usize {
    records
        .iter()
        .map(|record| record.conn_id)
        .collect::<BTreeSet<_>>()
        .len()
}

#[test]
fn fresh_means_one_connection_a_request() {
    for after in [After::Keep, After::Close] {
        let (records, outcome, server) = forty(Connections::Fresh, after);
        assert_eq!(count(&records), 40);
        assert!(
            records
                .iter()
                .all(|record| !record.conn_reused && record.times.connect_end.is_some())
        );
        let requests = server.requests();
        assert!(
            requests
                .iter()
                .all(|request| request.header("connection") == Some("close"))
        );
        // When they were begun is known all the same, but for the two with which the load began.
        assert_eq!(outcome.engine.lateness.count(), 38);
        // That servers close such connections says nothing about them.
        assert!(outcome.engine.closing_endpoints.is_empty());
    }
}

#[test]
fn connections_are_used_again_until_they_are_old() {
    let (records, outcome, server) = forty(Connections::default(), After::Keep);
    // Two users, and the one connection that is tried first.
    assert!(count(&records) <= 6, "{}", count(&records));
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.header("connection").is_none())
    );
    assert!(outcome.engine.closing_endpoints.is_empty());
    let max_age = Some(Duration::from_millis(60));
    let (aged, _, _) = forty(Connections::Reuse { max_age }, After::Keep);
    assert!(aged.iter().any(|record| record.conn_reused));
    assert!(count(&aged) > count(&records), "{}", count(&aged));
}

#[test]
fn a_server_that_closes_connections_is_named() {
    let (records, outcome, _) = forty(Connections::default(), After::Close);
    assert_eq!(count(&records), 40);
    assert_eq!(outcome.engine.closing_endpoints, BTreeSet::from([0]));
}
