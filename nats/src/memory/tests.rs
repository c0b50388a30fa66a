use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use hpcbench_core::Seq;

use super::*;
use crate::{
    Actor, AgentBus, BusError, Bytes, CatchUp, ControlBus, LogLines, Observed, ObserverBus, OrchestratorBus,
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

#[tokio::test]
async fn a_report_comes_until_it_is_acknowledged() {
    let bus = MemoryBus::new();
    let mut reports = bus.orchestrator().reports().await.unwrap();
    let agent = bus.agent(node());
    agent.report(Actor::Supervisor, bytes("a"), LIMIT).await.unwrap();
    let first = reports.next().await.unwrap();
    assert_eq!((first.deliveries, &first.payload), (1, &bytes("a")));
    bus.redeliver();
    let again = reports.next().await.unwrap();
    assert_eq!(again.deliveries, 2);
    again.receipt.acknowledge().await.unwrap();
    bus.redeliver();
    agent.report(Actor::Supervisor, bytes("b"), LIMIT).await.unwrap();
    assert_eq!(reports.next().await.unwrap().payload, bytes("b"));
    // A new reader gets what the former one did not acknowledge.
    let mut reports = bus.orchestrator().reports().await.unwrap();
    assert_eq!(reports.next().await.unwrap().payload, bytes("b"));
}

#[tokio::test(start_paused = true)]
async fn a_report_waits_for_the_connection() {
    let bus = MemoryBus::new();
    let mut reports = bus.orchestrator().reports().await.unwrap();
    let agent = bus.agent(node());
    bus.disconnect();
    let error = agent
        .report(Actor::Supervisor, bytes("a"), LIMIT)
        .await
        .unwrap_err();
    assert!(matches!(error, BusError::Disconnected { .. }));
    let reconnect = async {
        tokio::time::sleep(LIMIT / 2).await;
        bus.reconnect();
    };
    let (sent, ()) = tokio::join!(agent.report(Actor::Supervisor, bytes("b"), LIMIT), reconnect);
    sent.unwrap();
    assert_eq!(reports.next().await.unwrap().payload, bytes("b"));
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
