//! Which connection carries a request.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex};
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

/// Where the users of [`idle_connections_give_way_to_new_ones`] gather: how many are there, and at which endpoint.
#[derive(Default)]
struct Gathering {
    here: Mutex<(usize, usize)>,
    changed: Condvar,
}

#[test]
fn idle_connections_give_way_to_new_ones() {
    const ENDPOINTS: usize = 5;
    const USERS: usize = 4;
    // Each endpoint in turn, twice, keeps its requests until all users are there; the others answer at once.
    let gathering = Arc::new(Gathering::default());
    let server_of = |endpoint: usize| {
        let gathering = Arc::clone(&gathering);
        Server::start(move |_, socket| {
            let mut state = gathering.here.lock().unwrap();
            let (place, _) = *state;
            if place % ENDPOINTS == endpoint && place < 2 * ENDPOINTS {
                state.1 += 1;
                if state.1 == USERS {
                    *state = (place + 1, 0);
                    gathering.changed.notify_all();
                }
                let stays = |state: &mut (usize, usize)| state.0 == place;
                state = gathering.changed.wait_while(state, stays).unwrap();
            }
            drop(state);
            stream(socket, 1, Duration::from_millis(5))
        })
    };
    let servers: Vec<Server> = (0..ENDPOINTS).map(server_of).collect();
    let scratch = tempfile::tempdir().unwrap();
    let mut spec = spec(servers[0].address, &scratch);
    let first = spec.endpoints[0].clone();
    let endpoint = |server: &Server| hpcbench_load::Endpoint {
        address: server.address,
        ..first.clone()
    };
    spec.endpoints = servers.iter().map(endpoint).collect();
    spec.shape = Shape::Closed {
        concurrency: USERS as u32,
        think_time: Duration::ZERO,
        turns: NonZeroU16::MIN,
    };
    spec.threads = NonZeroU16::new(1);
    spec.length = Length::Requests(400);
    let (records, _) = run(spec);
    assert!(records.iter().all(|record| record.status == Status::Ok));
    // Each connection from its first request to the end of its last. Without limit all endpoints would keep as many as there
    // are users: those of the first round would be used again in the second.
    let mut open: Vec<(i64, i64)> = Vec::new();
    for id in records
        .iter()
        .map(|record| record.conn_id)
        .collect::<BTreeSet<_>>()
    {
        let of = records.iter().filter(|record| record.conn_id == id);
        let (from, to) = (of.clone().map(|one| one.times.sent), of.map(|one| one.times.end));
        open.push((from.min().flatten().unwrap(), to.max().flatten().unwrap()));
    }
    let at_once = |at: i64| {
        open.iter()
            .filter(|(from, to)| (*from..*to).contains(&at))
            .count()
    };
    let busiest = open.iter().map(|(from, _)| at_once(*from)).max().unwrap();
    assert!(busiest <= 2 * USERS, "{busiest}");
}

#[test]
fn a_server_that_closes_connections_is_named() {
    let (records, outcome, _) = forty(Connections::default(), After::Close);
    assert_eq!(count(&records), 40);
    assert_eq!(outcome.engine.closing_endpoints, BTreeSet::from([0]));
}
