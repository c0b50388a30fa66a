use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use hpcbench_core::{Epoch, Seq};

use super::*;
use crate::{
    Actor, AgentBus, BusError, Bytes, CatchUp, ControlBus, LogLines, Observed, ObserverBus, OrchestratorBus,
    Pong, ReportId,
};

const LIMIT: Duration = Duration::from_secs(5);

struct Log(Vec<EventLine>);

#[async_trait]
impl LogLines for Log {
    async fn read(&self, from: Seq, max: usize) -> Result<Vec<EventLine>, Box<dyn Error + Send + Sync>> {
        Ok(self
            .0
            .iter()
            .skip(from.0 as usize - 1)
            .take(max)
            .cloned()
            .collect())
    }
}

fn log(history: &str, events: u64) -> Log {
    let line = |seq| EventLine {
        seq: Seq(seq),
        kind: "trial.started".parse().unwrap(),
        line: format!("{history} {seq}").into(),
    };
    Log((1..=events).map(line).collect())
}

fn node() -> NodeId {
    "n1".parse().unwrap()
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test]
async fn events_keep_their_places() {
    let bus = MemoryBus::new();
    let orchestrator = bus.orchestrator();
    let a = log("a", 3);
    assert!(matches!(
        orchestrator.publish(&a.0).await,
        Err(BusError::NoResponder { .. })
    ));
    assert_eq!(
        orchestrator.catch_up(Seq(2), &a).await.unwrap(),
        CatchUp::Continued { published: 2 }
    );
    assert!(matches!(
        orchestrator.publish(&a.0[..1]).await,
        Err(BusError::OutOfStep { seq: Seq(1) })
    ));
    orchestrator.publish(&a.0[2..]).await.unwrap();
    assert_eq!(orchestrator.catch_up(Seq(3), &a).await.unwrap(), CatchUp::InStep);
    let b = log("b", 4);
    assert_eq!(
        orchestrator.catch_up(Seq(4), &b).await.unwrap(),
        CatchUp::Replaced { published: 4 }
    );
    assert_eq!(bus.events(), b.0);
}

#[tokio::test]
async fn an_observer_goes_on_after_a_lost_store() {
    let bus = MemoryBus::new();
    let orchestrator = bus.orchestrator();
    let observer = bus.observer();
    let mut events = observer.events(Seq(1)).await.unwrap();
    let log = log("a", 3);
    orchestrator.catch_up(Seq(2), &log).await.unwrap();
    bus.disconnect();
    bus.lose_store();
    bus.reconnect();
    orchestrator.catch_up(Seq(3), &log).await.unwrap();
    for (seq, behind) in [(1, 2), (2, 1), (3, 0)] {
        let Some(Observed::Event(seen)) = events.next().await else {
            panic!()
        };
        assert_eq!((seen.event.seq, seen.behind), (Seq(seq), behind));
    }
}

fn id(counter: u64) -> ReportId {
    ReportId {
        boot: "b".to_owned(),
        counter,
    }
}

#[tokio::test]
async fn a_report_comes_until_it_is_acknowledged() {
    let bus = MemoryBus::new();
    let mut reports = bus.orchestrator().reports().await.unwrap();
    let (agent, one, two) = (bus.agent(node()), id(1), id(2));
    let receiving = async {
        let first = reports.next().await.unwrap();
        assert_eq!((first.deliveries, &first.id), (1, &one));
        bus.redeliver();
        let again = reports.next().await.unwrap();
        assert_eq!(
            (again.deliveries, &again.id, &again.payload),
            (2, &one, &bytes("a"))
        );
        again.receipt.acknowledge().await.unwrap();
        bus.redeliver();
        assert_eq!(reports.next().await.unwrap().id, two);
        // A new reader gets what the former one did not acknowledge.
        let mut reports = bus.orchestrator().reports().await.unwrap();
        let second = reports.next().await.unwrap();
        assert_eq!(second.id, two);
        second.receipt.acknowledge().await.unwrap();
    };
    let sending = async {
        agent
            .report(Actor::Supervisor, &one, bytes("a"), LIMIT)
            .await
            .unwrap();
        agent
            .report(Actor::Supervisor, &two, bytes("b"), LIMIT)
            .await
            .unwrap();
    };
    tokio::join!(sending, receiving);
}

#[tokio::test(start_paused = true)]
async fn a_report_waits_for_the_connection() {
    let bus = MemoryBus::new();
    let mut reports = bus.orchestrator().reports().await.unwrap();
    let (agent, id) = (bus.agent(node()), id(1));
    let send = || agent.report(Actor::Supervisor, &id, bytes("a"), LIMIT);
    bus.disconnect();
    assert!(matches!(send().await, Err(BusError::Disconnected { .. })));
    // What the bus is away for does not count.
    let receiving = async {
        for _ in 0..4 {
            tokio::time::sleep(LIMIT * 3 / 4).await;
            bus.reconnect();
            assert_eq!(reports.next().await.unwrap().id, id);
            bus.disconnect();
        }
        tokio::time::sleep(LIMIT * 3 / 4).await;
        bus.reconnect();
        let last = reports.next().await.unwrap();
        last.receipt.acknowledge().await.unwrap();
    };
    tokio::join!(send(), receiving).0.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_report_without_receipt_is_sent_again_ever_more_rarely_and_given_up() {
    let bus = MemoryBus::new();
    let mut reports = bus.orchestrator().reports().await.unwrap();
    let (agent, id) = (bus.agent(node()), id(1));
    let start = tokio::time::Instant::now();
    let mut arrivals = Vec::new();
    let receiving = async {
        while let Some(report) = reports.next().await {
            assert_eq!(report.id, id);
            arrivals.push(start.elapsed().as_secs());
        }
    };
    let deadline = Duration::from_mins(1);
    let sent = tokio::select! {
        sent = agent.report(Actor::Supervisor, &id, bytes("a"), deadline) => sent,
        () = receiving => unreachable!("the bus lives"),
    };
    assert!(matches!(sent, Err(BusError::TimedOut { .. })), "{sent:?}");
    assert_eq!(start.elapsed().as_secs(), deadline.as_secs());
    assert_eq!(arrivals, [0, 2, 6, 14, 29, 44, 59]);
}

#[tokio::test]
async fn a_report_survives_the_loss_of_the_store() {
    let bus = MemoryBus::new();
    let orchestrator = bus.orchestrator();
    orchestrator.catch_up(Seq(0), &log("a", 0)).await.unwrap();
    let (agent, id) = (bus.agent(node()), id(1));
    let losing = async {
        tokio::task::yield_now().await;
        bus.disconnect();
        bus.lose_store();
        bus.reconnect();
        let mut reports = orchestrator.reports().await.unwrap();
        reports.next().await.unwrap().receipt.acknowledge().await.unwrap();
    };
    let (sent, ()) = tokio::join!(agent.report(Actor::Supervisor, &id, bytes("a"), LIMIT), losing);
    sent.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_or_not() {
    let bus = MemoryBus::new();
    let control = bus.control();
    assert!(matches!(
        control.ping(LIMIT).await,
        Err(BusError::NoResponder { .. })
    ));
    let mut pings = bus.orchestrator().pings().await.unwrap();
    let pong = Pong {
        run: "r1".parse().unwrap(),
        epoch: Epoch(2),
    };
    let answer = async { pings.next().await.unwrap().answer(&pong) };
    assert_eq!(tokio::join!(control.ping(LIMIT), answer).0.unwrap(), pong);
    let ignore = async { drop(pings.next().await) };
    assert!(matches!(
        tokio::join!(control.ping(LIMIT), ignore).0,
        Err(BusError::TimedOut { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_command_ends_in_every_way() {
    let bus = MemoryBus::new();
    let (orchestrator, agent) = (bus.orchestrator(), bus.agent(node()));
    let to = node();
    let ask = || orchestrator.command(&to, Actor::ClientPool, bytes("go"), LIMIT);
    assert!(matches!(ask().await, Err(BusError::NoResponder { .. })));
    let mut commands = agent.commands().await.unwrap();

    let answer = async { commands.next().await.unwrap().responder.respond("done") };
    assert_eq!(tokio::join!(ask(), answer).0.unwrap(), "done");
    let forget = async { drop(commands.next().await) };
    assert!(matches!(
        tokio::join!(ask(), forget).0,
        Err(BusError::TimedOut { .. })
    ));
    let held = async {
        let command = commands.next().await;
        bus.disconnect();
        command
    };
    assert!(matches!(
        tokio::join!(ask(), held).0,
        Err(BusError::Disconnected { .. })
    ));
    assert!(matches!(
        agent.heartbeat(bytes("x")).await,
        Err(BusError::Disconnected { .. })
    ));
}

#[tokio::test]
async fn a_cancel_request_is_answered() {
    let bus = MemoryBus::new();
    let mut requests = bus.orchestrator().cancel_requests().await.unwrap();
    let control = bus.control();
    let answer = async { requests.next().await.unwrap().responder.respond("event 7") };
    assert_eq!(
        tokio::join!(control.cancel(bytes("enough"), LIMIT), answer)
            .0
            .unwrap(),
        "event 7"
    );
}

#[tokio::test]
async fn streams_end_with_the_bus() {
    let bus = MemoryBus::new();
    let mut heartbeats = bus.orchestrator().heartbeats().await.unwrap();
    bus.agent(node()).heartbeat(bytes("x")).await.unwrap();
    assert!(heartbeats.next().await.is_some());
    drop(bus);
    assert!(heartbeats.next().await.is_none());
}
