//! Commands, cancel requests, pings and the live feeds against a real nats-server.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::{Duration, Instant};

use common::{Log, PATIENCE, TestServer, id, introduce, node, received, within};
use hpcbench_core::{Epoch, Seq};
use hpcbench_nats::limits::MAX_PAYLOAD;
use hpcbench_nats::{Actor, AgentBus, BusError, Bytes, ControlBus, LogCategory, OrchestratorBus, Pong, Port};

const SHORT: Duration = Duration::from_millis(300);

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test]
async fn a_command_is_answered() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let (bus, agent) = (server.orchestrator().await, server.agent("n1").await);
    let ask = |to: &str| {
        let to = node(to);
        let bus = &bus;
        async move { bus.command(&to, Actor::ClientPool, bytes("start"), SHORT).await }
    };
    assert!(matches!(ask("n1").await, Err(BusError::NoResponder { .. })));

    let mut commands = agent.commands().await.unwrap();
    introduce(&agent, &bus).await;
    let answer = async {
        let command = commands.next().await.unwrap();
        assert_eq!(
            (command.actor, command.payload),
            (Actor::ClientPool, bytes("start"))
        );
        command.responder.respond("done");
    };
    let (answered, ()) = tokio::join!(ask("n1"), answer);
    assert_eq!(answered.unwrap(), "done");
    assert!(matches!(ask("n2").await, Err(BusError::NoResponder { .. })));

    // The actor takes the command and dies.
    let (unanswered, ()) = tokio::join!(ask("n1"), async { drop(commands.next().await) });
    assert!(matches!(unanswered, Err(BusError::TimedOut { .. })));
}

#[tokio::test]
async fn reports_go_on_after_an_empty_store_restart() {
    let Some(mut server) = TestServer::start().await else {
        return;
    };
    let (bus, agent) = (server.orchestrator().await, server.agent("n1").await);
    let mut reports = bus.reports().await.unwrap();
    let mut commands = agent.commands().await.unwrap();
    server.kill().await;
    server.empty_store();
    server.start_again(Port::Fixed(server.port())).await;
    // Nobody has made the stream again yet: the report waits for it.
    let one = id(1);
    let (sent, late) = tokio::join!(
        agent.report(Actor::LogCollector, &one, bytes("late"), PATIENCE),
        received(&mut reports)
    );
    sent.unwrap();
    assert_eq!(late, (id(1), bytes("late")));

    let answer = async {
        within("the command", commands.next())
            .await
            .unwrap()
            .responder
            .respond("done");
    };
    let ask = async {
        let start = Instant::now();
        loop {
            match bus
                .command(&node("n1"), Actor::Supervisor, bytes("go"), SHORT)
                .await
            {
                Ok(answer) => return answer,
                Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_eq!(tokio::join!(ask, answer).0, "done");
}

#[tokio::test]
async fn a_cancel_request_is_answered() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let (bus, control) = (server.orchestrator().await, server.control().await);
    assert!(matches!(
        control.cancel(bytes("x"), SHORT).await,
        Err(BusError::NoResponder { .. })
    ));
    let mut requests = bus.cancel_requests().await.unwrap();
    bus.catch_up(Seq(0), &Log::of("a", 0)).await.unwrap();
    let answer = async {
        let request = within("the request", requests.next()).await.unwrap();
        assert_eq!(request.payload, bytes("enough"));
        request.responder.respond("event 7");
    };
    let (answered, ()) = tokio::join!(control.cancel(bytes("enough"), PATIENCE), answer);
    assert_eq!(answered.unwrap(), "event 7");
}

#[tokio::test]
async fn a_ping_is_answered() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let (bus, control) = (server.orchestrator().await, server.control().await);
    let none = control.ping(SHORT).await;
    assert!(matches!(none, Err(BusError::NoResponder { .. })), "{none:?}");
    let mut pings = bus.pings().await.unwrap();
    bus.catch_up(Seq(0), &Log::of("a", 0)).await.unwrap();
    let silent = async { drop(within("the ping", pings.next()).await) };
    let (unanswered, ()) = tokio::join!(control.ping(SHORT), silent);
    assert!(
        matches!(unanswered, Err(BusError::TimedOut { .. })),
        "{unanswered:?}"
    );
    let pong = Pong {
        run: "r1".parse().unwrap(),
        epoch: Epoch(3),
    };
    let answer = async { within("the ping", pings.next()).await.unwrap().answer(&pong) };
    let (answered, ()) = tokio::join!(control.ping(PATIENCE), answer);
    assert_eq!(answered.unwrap(), pong);
}

#[tokio::test]
async fn live_feeds_arrive_typed() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let (bus, agent) = (server.orchestrator().await, server.agent("n2").await);
    let mut heartbeats = bus.heartbeats().await.unwrap();
    let mut lines = bus.log_lines().await.unwrap();
    let mut metrics = bus.metrics().await.unwrap();
    bus.catch_up(Seq(0), &Log::of("a", 0)).await.unwrap();
    agent.heartbeat(bytes("alive")).await.unwrap();
    agent.log_line(LogCategory::System, bytes("hot")).await.unwrap();
    agent.metric(bytes("42")).await.unwrap();
    let heartbeat = within("the heartbeat", heartbeats.next()).await.unwrap();
    assert_eq!((heartbeat.node, heartbeat.payload), (node("n2"), bytes("alive")));
    let line = within("the line", lines.next()).await.unwrap();
    assert_eq!(
        (line.node, line.category, line.payload),
        (node("n2"), LogCategory::System, bytes("hot"))
    );
    let metric = within("the metric", metrics.next()).await.unwrap();
    assert_eq!((metric.node, metric.payload), (node("n2"), bytes("42")));
}

#[tokio::test]
async fn the_largest_payload_fits_and_a_larger_one_is_refused() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let (bus, agent) = (server.orchestrator().await, server.agent("n1").await);
    let mut reports = bus.reports().await.unwrap();
    let largest = Bytes::from(vec![b'x'; MAX_PAYLOAD]);
    let (one, two) = (id(1), id(2));
    let sent = agent.report(Actor::ClientPool, &one, largest.clone(), PATIENCE);
    let (sent, (_, payload)) = tokio::join!(sent, received(&mut reports));
    sent.unwrap();
    assert_eq!(payload, largest);
    let larger = Bytes::from(vec![b'x'; MAX_PAYLOAD + 1]);
    let error = agent
        .report(Actor::ClientPool, &two, larger, PATIENCE)
        .await
        .unwrap_err();
    assert!(
        matches!(error, BusError::TooLarge { size, .. } if size == MAX_PAYLOAD + 1),
        "{error}"
    );
}

#[tokio::test]
async fn a_lost_server_shows_and_fails_what_is_in_flight() {
    let Some(mut server) = TestServer::start().await else {
        return;
    };
    let (bus, agent) = (server.orchestrator().await, server.agent("n1").await);
    let mut commands = agent.commands().await.unwrap();
    introduce(&agent, &bus).await;
    let mut connection = agent.connection();
    assert!(connection.current().up);

    let start = Instant::now();
    let to = node("n1");
    let ask = bus.command(&to, Actor::ClientPool, bytes("work"), PATIENCE * 2);
    let kill = async {
        let held = commands.next().await.unwrap();
        server.kill().await;
        held
    };
    let (answered, _held) = tokio::join!(ask, kill);
    assert!(
        matches!(answered, Err(BusError::Disconnected { .. })),
        "{answered:?}"
    );
    assert!(start.elapsed() < PATIENCE);
    within("the loss", async {
        while connection.current().up {
            connection.changed().await.unwrap();
        }
    })
    .await;
    assert!(matches!(
        agent.heartbeat(bytes("x")).await,
        Err(BusError::Disconnected { .. })
    ));
    let start = Instant::now();
    let report = agent.report(Actor::ClientPool, &id(1), bytes("x"), SHORT).await;
    assert!(matches!(report, Err(BusError::Disconnected { .. })), "{report:?}");
    assert!(start.elapsed() < PATIENCE);
}
