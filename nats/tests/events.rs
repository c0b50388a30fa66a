//! The EVENTS stream against a real nats-server: it always equals the log, whatever happened to the server.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Log, PATIENCE, TestServer, event, line, within};
use hpcbench_core::{Epoch, Seq};
use hpcbench_nats::{BusError, CatchUp, Observed, ObserverBus, OrchestratorBus, Port};

#[tokio::test]
async fn a_stream_follows_the_log() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    let log = Log::of("a", 0);
    assert_eq!(bus.catch_up(Seq(0), &log).await.unwrap(), CatchUp::InStep);
    // More than one window and more than one read of a catch-up.
    bus.publish(&log.append("a", 700)).await.unwrap();
    assert_eq!(bus.catch_up(log.head(), &log).await.unwrap(), CatchUp::InStep);
    log.append("a", 1500);
    assert_eq!(
        bus.catch_up(log.head(), &log).await.unwrap(),
        CatchUp::Continued { published: 1500 }
    );

    let observer = server.observer().await;
    let mut events = observer.events(Seq(3)).await.unwrap();
    for seq in 3..=2200 {
        let seen = event(within("history", events.next()).await);
        assert_eq!(seen.event, line("a", seq));
        assert_eq!(seen.behind, 2200 - seq);
    }
    bus.publish(&log.append("a", 1)).await.unwrap();
    assert_eq!(
        event(within("the live event", events.next()).await).event.seq,
        Seq(2201)
    );
}

#[tokio::test]
async fn events_out_of_order_are_refused() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    let log = Log::of("a", 2);
    bus.catch_up(log.head(), &log).await.unwrap();
    for seq in [1, 2, 4] {
        let error = bus.publish(&[line("a", seq)]).await.unwrap_err();
        assert!(
            matches!(error, BusError::OutOfStep { seq: at } if at.0 == seq),
            "{error}"
        );
    }
    bus.publish(&[line("a", 3)]).await.unwrap();
}

#[tokio::test]
async fn another_history_is_replaced() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    let old = Log::of("old", 5);
    bus.catch_up(old.head(), &old).await.unwrap();
    let other = Log::of("new", 7);
    assert_eq!(
        bus.catch_up(other.head(), &other).await.unwrap(),
        CatchUp::Replaced { published: 7 }
    );
    let shorter = Log::of("new", 3);
    assert_eq!(
        bus.catch_up(shorter.head(), &shorter).await.unwrap(),
        CatchUp::Replaced { published: 3 }
    );
    let observer = server.observer().await;
    let mut events = observer.events(Seq(1)).await.unwrap();
    for seq in 1..=3 {
        assert_eq!(
            event(within("history", events.next()).await).event,
            line("new", seq)
        );
    }
}

#[tokio::test]
async fn a_log_with_a_gap_is_an_error() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    let log = Log::of("a", 3);
    log.0.lock().unwrap().remove(1);
    let error = bus.catch_up(Seq(3), &log).await.unwrap_err();
    assert!(matches!(error, BusError::Log { from: Seq(1), .. }), "{error}");
}

/// The watcher is in the middle of the history when the server dies.
async fn restart(empty: bool) {
    let Some(mut server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    let mut connection = bus.connection();
    let log = Log::of("a", 10);
    bus.catch_up(log.head(), &log).await.unwrap();
    let observer = server.observer().await;
    let mut events = observer.events(Seq(1)).await.unwrap();
    for seq in 1..=10 {
        assert_eq!(
            event(within("history", events.next()).await).event,
            line("a", seq)
        );
    }

    server.kill().await;
    within("the loss", async {
        while connection.current().up {
            connection.changed().await.unwrap();
        }
    })
    .await;
    let lost = log.append("a", 1);
    assert!(bus.publish(&lost).await.is_err());
    if empty {
        server.empty_store();
    }
    server.start_again(Port::Fixed(server.port())).await;
    within("the reconnect", async {
        while !connection.current().up {
            connection.changed().await.unwrap();
        }
    })
    .await;
    let done = bus.catch_up(log.head(), &log).await.unwrap();
    assert_eq!(
        done,
        CatchUp::Continued {
            published: if empty { 11 } else { 1 }
        }
    );
    bus.publish(&log.append("a", 1)).await.unwrap();
    for seq in [11, 12] {
        assert_eq!(
            event(within("the live events", events.next()).await).event,
            line("a", seq)
        );
    }
}

#[tokio::test]
async fn a_watcher_survives_a_restart_with_the_store() {
    restart(false).await;
}

#[tokio::test]
async fn a_watcher_survives_a_restart_with_an_empty_store() {
    restart(true).await;
}

#[tokio::test]
async fn a_watcher_survives_a_deleted_stream() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    let old = Log::of("old", 3);
    bus.catch_up(old.head(), &old).await.unwrap();
    let observer = server.observer().await;
    let mut events = observer.events(Seq(1)).await.unwrap();
    for seq in 1..=3 {
        assert_eq!(event(within("history", events.next()).await).event.seq, Seq(seq));
    }
    let new = Log::of("new", 5);
    assert_eq!(
        bus.catch_up(new.head(), &new).await.unwrap(),
        CatchUp::Replaced { published: 5 }
    );
    for seq in [4, 5] {
        assert_eq!(
            event(within("the new history's rest", events.next()).await).event,
            line("new", seq)
        );
    }
}

#[tokio::test]
async fn everybody_follows_a_server_that_moves() {
    let Some(mut server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    let log = Log::of("a", 1);
    bus.catch_up(log.head(), &log).await.unwrap();
    let observer = server.observer().await;
    let mut events = observer.events(Seq(1)).await.unwrap();
    event(within("history", events.next()).await);

    let former = server.url.clone();
    server.kill().await;
    server.start_again(Port::Free).await;
    assert_ne!(server.url, former);
    server.write_rendezvous(Epoch(1));
    let next = log.append("a", 1);
    let start = std::time::Instant::now();
    while let Err(error) = bus.publish(&next).await {
        assert!(start.elapsed() < PATIENCE, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(
        event(within("the live event", events.next()).await).event.seq,
        Seq(2)
    );
}

#[tokio::test]
async fn events_that_left_the_stream_are_told() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let bus = server.orchestrator().await;
    // More than the stream may hold.
    let log = Log::of("a", 0);
    let big = "x".repeat(1000 * 1000);
    for mut line in log.append("a", 160) {
        line.line = format!("{}{big}", String::from_utf8(line.line.to_vec()).unwrap()).into();
        let place = line.seq.0 as usize - 1;
        log.0.lock().unwrap()[place] = line;
    }
    bus.catch_up(log.head(), &log).await.unwrap();
    let observer = server.observer().await;
    let mut events = observer.events(Seq(5)).await.unwrap();
    let Some(Observed::Missing { from: Seq(5), to }) = within("the gap", events.next()).await else {
        panic!()
    };
    assert_eq!(
        event(within("the rest", events.next()).await).event.seq,
        to.next()
    );
    assert_eq!(bus.catch_up(log.head(), &log).await.unwrap(), CatchUp::InStep);
}
