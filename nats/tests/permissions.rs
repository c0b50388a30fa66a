//! What nobody may do, tried with plain clients against a real nats-server.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{Log, PATIENCE, QUIET, TestServer, id, line, received, within};
use futures::StreamExt;
use hpcbench_core::Seq;
use hpcbench_nats::{Actor, Address, Agent, AgentBus, BusError, Bytes, OrchestratorBus, Secret};
use nats::jetstream::{self, consumer};
use tokio::sync::mpsc::UnboundedReceiver;

async fn is_refused(client: &nats::Client, heard: &mut UnboundedReceiver<String>, subject: &str) {
    client.publish(subject.to_owned(), "{}".into()).await.unwrap();
    let complaint = within("the complaint", heard.recv()).await.unwrap();
    assert!(
        complaint.to_lowercase().contains("permissions violation"),
        "{complaint}"
    );
    assert!(complaint.contains(subject), "{complaint}");
}

async fn nothing_more<T>(what: &str, next: impl Future<Output = Option<T>>) {
    assert!(tokio::time::timeout(QUIET, next).await.is_err(), "{what}");
}

#[tokio::test]
async fn a_node_speaks_for_itself_only() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    let mut reports = bus.reports().await.unwrap();
    bus.catch_up(Seq(0), &Log::of("a", 0)).await.unwrap();
    let (client, mut heard) = server.raw("node-n1").await;
    for subject in [
        "hpcbench.r1.report.n2.supervisor",
        "hpcbench.r1.heartbeat.n2",
        "hpcbench.r1.log.system.n2",
        "hpcbench.r1.metric.n2",
        "hpcbench.r1.command.n2.supervisor",
        "hpcbench.r1.command.n1.supervisor",
        "hpcbench.r1.event.run.completed",
        "hpcbench.r1.control.cancel",
        "hpcbench.r1.control.ping",
        "hpcbench.r1.receipt.n1",
        "hpcbench.r1.receipt.n2",
        "$JS.API.STREAM.DELETE.EVENTS",
        "$JS.ACK.REPORTS.orchestrator.1.1.1.1.0",
    ] {
        is_refused(&client, &mut heard, subject).await;
    }
    nothing_more("a forged report arrived", reports.next()).await;
    for pattern in [
        "hpcbench.r1.receipt.n2",
        "hpcbench.r1.receipt.*",
        "hpcbench.r1.command.n2.>",
    ] {
        let _refused = client.subscribe(pattern).await.unwrap();
        let complaint = within("the complaint", heard.recv()).await.unwrap();
        assert!(complaint.contains(pattern), "{complaint}");
    }
}

#[tokio::test]
async fn a_refusal_is_said_at_once() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    bus.catch_up(Seq(0), &Log::of("a", 0)).await.unwrap();
    // An agent of another run on this run's server.
    let address = Address {
        run: "r2".parse().unwrap(),
        ..server.address()
    };
    let node = common::node("n1");
    let password = server.config.passwords.nodes[&node].clone();
    let agent = Agent::connect(address, node, password, PATIENCE).await.unwrap();
    let error = agent
        .report(Actor::Supervisor, &id(1), Bytes::from_static(b"{}"), PATIENCE)
        .await
        .unwrap_err();
    assert!(matches!(error, BusError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_an_error_of_the_connection() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let wrong = Secret::from_random([0xff; hpcbench_nats::SECRET_BYTES]);
    let limit = Duration::from_millis(300);
    let error = Agent::connect(server.address(), common::node("n1"), wrong, limit)
        .await
        .err()
        .unwrap();
    assert!(matches!(error, BusError::Connect { .. }), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("authorization"), "{source}");
}

#[tokio::test]
async fn an_observer_only_reads() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    let log = Log::of("a", 3);
    bus.catch_up(log.head(), &log).await.unwrap();
    let (client, mut heard) = server.raw("observer").await;
    for subject in [
        "hpcbench.r1.event.run.completed",
        "hpcbench.r1.command.n1.supervisor",
        "hpcbench.r1.report.n1.supervisor",
        "hpcbench.r1.control.cancel",
        "hpcbench.r1.control.ping",
        "hpcbench.r1.receipt.n1",
        "hpcbench.r1.heartbeat.n1",
        "RUN.API.STREAM.DELETE.EVENTS",
        "RUN.API.CONSUMER.CREATE.REPORTS",
        "RUN.API.CONSUMER.MSG.NEXT.REPORTS.orchestrator",
        "$JS.API.STREAM.DELETE.EVENTS",
    ] {
        is_refused(&client, &mut heard, subject).await;
    }
    assert_eq!(
        bus.catch_up(log.head(), &log).await.unwrap(),
        hpcbench_nats::CatchUp::InStep
    );
}

#[tokio::test]
async fn whoever_may_cancel_may_nothing_else() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    let mut requests = bus.cancel_requests().await.unwrap();
    bus.catch_up(Seq(0), &Log::of("a", 0)).await.unwrap();
    let (client, mut heard) = server.raw("control").await;
    for subject in [
        "hpcbench.r1.event.run.completed",
        "hpcbench.r1.command.n1.supervisor",
        "hpcbench.r1.receipt.n1",
        "$JS.API.INFO",
    ] {
        is_refused(&client, &mut heard, subject).await;
    }
    // Answers that would arrive as a command and as a receipt.
    let mut pings = bus.pings().await.unwrap();
    bus.catch_up(Seq(0), &Log::of("a", 0)).await.unwrap();
    for reply in ["hpcbench.r1.command.n1.supervisor", "hpcbench.r1.receipt.n1"] {
        for subject in ["hpcbench.r1.control.cancel", "hpcbench.r1.control.ping"] {
            client
                .publish_with_reply(subject, reply, "{}".into())
                .await
                .unwrap();
        }
    }
    tokio::join!(
        nothing_more("a request with a forged reply subject arrived", requests.next()),
        nothing_more("a ping with a forged reply subject arrived", pings.next()),
    );
}

/// Every way in which an observer might have a stored event delivered to an actor.
#[tokio::test]
async fn an_observer_can_inject_nothing() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let (bus, agent) = (server.orchestrator().await, server.agent("n1").await);
    let log = Log::of("a", 3);
    bus.catch_up(log.head(), &log).await.unwrap();
    let mut commands = agent.commands().await.unwrap();
    let mut reports = bus.reports().await.unwrap();
    let mut heartbeats = bus.heartbeats().await.unwrap();
    let mut requests = bus.cancel_requests().await.unwrap();
    let mut pings = bus.pings().await.unwrap();
    let ready = id(1);
    let sent = agent.report(Actor::Supervisor, &ready, Bytes::from_static(b"ready"), PATIENCE);
    let (sent, _) = tokio::join!(sent, received(&mut reports));
    sent.unwrap();

    let (client, _heard) = server.raw("observer").await;
    let stream = jetstream::with_prefix(client.clone(), "RUN.API")
        .get_stream_no_info("EVENTS")
        .await
        .unwrap();
    // nats-server pushes only where somebody listens on that very subject; an import counts.
    let _interest = client.subscribe("hpcbench.r1.heartbeat.n1").await.unwrap();
    let (spy, _heard) = server.raw("orchestrator").await;
    let mut pushed = [
        spy.subscribe("hpcbench.r1.heartbeat.*").await.unwrap(),
        spy.subscribe("hpcbench.r1.control.cancel").await.unwrap(),
    ];
    let targets = [
        "hpcbench.r1.command.n1.supervisor",
        "hpcbench.r1.report.n1.supervisor",
        "hpcbench.r1.heartbeat.n1",
        "hpcbench.r1.control.cancel",
        "hpcbench.r1.control.ping",
        "hpcbench.r1.receipt.n1",
    ];
    for target in targets {
        let config = consumer::push::Config {
            deliver_subject: target.to_owned(),
            ..Default::default()
        };
        stream.create_consumer(config).await.unwrap();
        // Pulled there by the reply subject of a request.
        let config = consumer::pull::Config {
            name: Some("pulled".to_owned()),
            ..Default::default()
        };
        stream.create_consumer(config).await.unwrap();
        let next = "RUN.API.CONSUMER.MSG.NEXT.EVENTS.pulled";
        client
            .publish_with_reply(next, target, r#"{"batch":3}"#.into())
            .await
            .unwrap();
    }
    for subscription in &mut pushed {
        // So far the attack gets: the handles must drop it.
        let event = within("the pushed event", subscription.next()).await.unwrap();
        assert_eq!(event.payload, line("a", 1).line);
    }
    tokio::join!(
        nothing_more("an event arrived as a command", commands.next()),
        nothing_more("an event arrived as a report", reports.next()),
        nothing_more("an event arrived as a heartbeat", heartbeats.next()),
        nothing_more("an event arrived as a cancel request", requests.next()),
        nothing_more("an event arrived as a ping", pings.next()),
    );
}

#[tokio::test]
async fn a_copy_of_an_event_is_no_report() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    let log = Log::of("a", 1);
    bus.catch_up(log.head(), &log).await.unwrap();
    let (spy, _heard) = server.raw("orchestrator").await;
    let stored = jetstream::new(spy)
        .get_stream("EVENTS")
        .await
        .unwrap()
        .get_raw_message(1)
        .await
        .unwrap();
    let (client, _heard) = server.raw("node-n1").await;
    let jetstream = jetstream::new(client);
    let subject = "hpcbench.r1.report.n1.supervisor";
    let copy = jetstream
        .publish_with_headers(subject, stored.headers, stored.payload.clone())
        .await
        .unwrap()
        .await;
    assert!(copy.is_err(), "{copy:?}");
    // Without the event's headers the stream takes it; without an id of its own it is no report.
    let mut reports = bus.reports().await.unwrap();
    jetstream
        .publish(subject, stored.payload)
        .await
        .unwrap()
        .await
        .unwrap();
    nothing_more("a copy of an event arrived as a report", reports.next()).await;
}
