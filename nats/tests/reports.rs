//! Reports, from an agent to the orchestrator's receipt, against a real nats-server.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Log, PATIENCE, QUIET, TestServer, id, node, received, within};
use futures::StreamExt;
use hpcbench_core::Seq;
use hpcbench_nats::{Actor, AgentBus, Bytes, OrchestratorBus, Port};
use nats::jetstream::stream::Stream;
use nats::jetstream::{self, consumer};

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// The REPORTS stream as the orchestrator's user sees it, without what an orchestrator does.
async fn stream(server: &TestServer) -> Stream {
    let (client, _heard) = server.raw("orchestrator").await;
    jetstream::new(client).get_stream("REPORTS").await.unwrap()
}

async fn until_stored(stream: &Stream, reports: u64) {
    within("the stored reports", async {
        while stream.get_info().await.unwrap().state.messages != reports {
            tokio::time::sleep(QUIET / 20).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_next_report_waits_for_the_receipt() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let (bus, agent) = (server.orchestrator().await, server.agent("n1").await);
    let mut reports = bus.reports().await.unwrap();
    let sending = async {
        for counter in 1..=3 {
            let id = id(counter);
            agent
                .report(Actor::Supervisor, &id, bytes("report"), PATIENCE)
                .await
                .unwrap();
        }
    };
    let receiving = async {
        let first = within("the first report", reports.next()).await.unwrap();
        assert_eq!(
            (&first.node, first.actor, &first.id, first.deliveries),
            (&node("n1"), Actor::Supervisor, &id(1), 1)
        );
        let early = tokio::time::timeout(QUIET, reports.next()).await;
        assert!(early.is_err(), "{early:?} came before the receipt of the first");
        first.receipt.acknowledge().await.unwrap();
        let mut next = 2;
        while next <= 3 {
            let (id, _) = received(&mut reports).await;
            // A busy machine may have had the first one sent twice.
            next += u64::from(id.counter == next);
        }
    };
    tokio::join!(sending, receiving);
    until_stored(&stream(&server).await, 0).await;
}

#[tokio::test]
async fn an_orchestrator_that_died_before_the_sync_is_replaced() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let (bus, agent) = (server.orchestrator().await, server.agent("n1").await);
    let mut reports = bus.reports().await.unwrap();
    let id = id(7);
    let receiving = async {
        let first = within("the report", reports.next()).await.unwrap();
        drop((first.receipt, reports, bus));
        let bus = server.orchestrator().await;
        let mut reports = bus.reports().await.unwrap();
        received(&mut reports).await
    };
    let sending = agent.report(Actor::Supervisor, &id, bytes("first"), PATIENCE);
    let (sent, again) = tokio::join!(sending, receiving);
    sent.unwrap();
    assert_eq!(again, (id.clone(), bytes("first")));
}

#[tokio::test]
async fn a_report_whose_receipt_is_lost_comes_again_under_its_id() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let (bus, agent) = (server.orchestrator().await, server.agent("n1").await);
    drop(bus.reports().await.unwrap());
    let id = id(1);
    let receiving = async {
        // The orchestrator tells the stream, and does not come to tell the agent.
        let consumer: consumer::PullConsumer =
            stream(&server).await.get_consumer("orchestrator").await.unwrap();
        let mut messages = consumer.messages().await.unwrap();
        let first = within("the report", messages.next()).await.unwrap().unwrap();
        first.ack().await.unwrap();
        drop(messages);
        let mut reports = bus.reports().await.unwrap();
        received(&mut reports).await
    };
    let sending = agent.report(Actor::ClientPool, &id, bytes("once"), PATIENCE);
    let (sent, again) = tokio::join!(sending, receiving);
    sent.unwrap();
    assert_eq!(again, (id.clone(), bytes("once")));
}

#[tokio::test]
async fn a_stored_report_survives_the_loss_of_the_store() {
    let Some(mut server) = TestServer::start().await else {
        return;
    };
    let (bus, agent) = (server.orchestrator().await, server.agent("n1").await);
    bus.catch_up(Seq(0), &Log::of("a", 0)).await.unwrap();
    let id = id(1);
    let losing = async {
        until_stored(&stream(&server).await, 1).await;
        // Acknowledged by the stream, read by nobody.
        server.kill().await;
        server.empty_store();
        server.start_again(Port::Fixed(server.port())).await;
        let mut reports = within("the stream", async {
            loop {
                match bus.reports().await {
                    Ok(reports) => return reports,
                    Err(_) => tokio::time::sleep(QUIET / 10).await,
                }
            }
        })
        .await;
        received(&mut reports).await
    };
    let sending = agent.report(Actor::ClientPool, &id, bytes("kept"), PATIENCE);
    let (sent, kept) = tokio::join!(sending, losing);
    sent.unwrap();
    assert_eq!(kept, (id.clone(), bytes("kept")));
}
