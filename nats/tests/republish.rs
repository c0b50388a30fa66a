//! Past events on a NATS server that is not hpcbench's.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::plain::PlainServer;
use common::{Log, PATIENCE, line, within};
use futures::StreamExt;
use hpcbench_core::RunId;
use hpcbench_nats::{BusError, EventLine, Republisher};

const USERS: &str = r#"
jetstream { store_dir: "STORE" }
authorization {
  users: [
    { user: ann, password: "s/cret:1" }
    { user: bob, password: "s/cret:2", permissions: { publish: ["hpcbench.r1.event.>"], subscribe: ["nothing"] } }
    { user: eve, password: "s/cret:3", permissions: { publish: ["hpcbench.r1.event.trial.>", "_INBOX.>"], subscribe: ["_INBOX.>"] } }
  ]
}"#;

/// How long an event may wait for a server that will not answer.
const SHORT: Duration = Duration::from_millis(200);

fn run() -> RunId {
    "r1".parse().unwrap()
}

#[tokio::test]
async fn events_arrive_under_their_subjects_and_a_stream_stores_them() {
    const EVENTS: u64 = 20_000;
    let Some(server) = PlainServer::start(USERS).await else {
        return;
    };
    let client = nats::ConnectOptions::with_user_and_password("ann".to_owned(), "s/cret:1".to_owned())
        .connect(&server.url(""))
        .await
        .unwrap();
    let jetstream = nats::jetstream::new(client.clone());
    let config = nats::jetstream::stream::Config {
        name: "PAST".to_owned(),
        subjects: vec!["hpcbench.*.event.>".to_owned()],
        ..Default::default()
    };
    let stream = jetstream.create_stream(config).await.unwrap();
    let mut first = client.subscribe("hpcbench.r1.event.epoch.started").await.unwrap();
    client.flush().await.unwrap();

    // Neither listening nor sending to itself is needed.
    let mut republisher = Republisher::connect(&server.url("bob:s%2Fcret%3A2@"), PATIENCE)
        .await
        .unwrap();
    let log = Log::of("a", EVENTS);
    let lines = log.0.lock().unwrap().clone();
    for line in &lines {
        republisher.publish(&run(), line, PATIENCE).await.unwrap();
    }
    assert_eq!(republisher.finish(PATIENCE).await.unwrap(), EVENTS);

    assert_eq!(
        within("the event", first.next()).await.unwrap().payload,
        lines[0].line
    );
    let stored = within("the stream", async {
        while stream.get_info().await.unwrap().state.messages < EVENTS {
            tokio::time::sleep(common::QUIET / 10).await;
        }
        stream.get_raw_message(EVENTS).await.unwrap()
    })
    .await;
    assert_eq!(stored.payload, lines.last().unwrap().line);
}

#[tokio::test]
async fn a_refused_event_is_an_error() {
    let Some(server) = PlainServer::start(USERS).await else {
        return;
    };
    let mut republisher = Republisher::connect(&server.url("eve:s%2Fcret%3A3@"), PATIENCE)
        .await
        .unwrap();
    // The only one that is refused is the last.
    republisher
        .publish(&run(), &line("a", 2), PATIENCE)
        .await
        .unwrap();
    republisher
        .publish(&run(), &line("a", 1), PATIENCE)
        .await
        .unwrap();
    let error = republisher.finish(PATIENCE).await.unwrap_err();
    assert!(
        matches!(&error, BusError::Refused { server_said, .. } if server_said.contains("event.epoch.started")),
        "{error}"
    );
}

#[tokio::test]
async fn a_password_that_is_not_taken_is_not_shown() {
    let Some(server) = PlainServer::start(USERS).await else {
        return;
    };
    let error = Republisher::connect(&server.url("ann:wrong@"), PATIENCE)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, BusError::Connect { user, .. } if user == "ann"),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("wrong"), "{error:?}");
}

#[tokio::test]
async fn a_token_opens_too() {
    let Some(server) = PlainServer::start(r#"authorization { token: "t0p" }"#).await else {
        return;
    };
    let mut republisher = Republisher::connect(&server.url("t0p@"), PATIENCE).await.unwrap();
    republisher
        .publish(&run(), &line("a", 1), PATIENCE)
        .await
        .unwrap();
    assert_eq!(republisher.finish(PATIENCE).await.unwrap(), 1);
}

#[tokio::test]
async fn a_lost_or_absent_server_is_an_error() {
    let Some(mut server) = PlainServer::start("").await else {
        return;
    };
    let url = server.url("");
    let mut republisher = Republisher::connect(&url, PATIENCE).await.unwrap();
    republisher
        .publish(&run(), &line("a", 1), PATIENCE)
        .await
        .unwrap();
    server.kill().await;
    let error = within("the loss", async {
        loop {
            if let Err(error) = republisher.publish(&run(), &line("a", 2), PATIENCE).await {
                return error;
            }
            tokio::time::sleep(common::QUIET / 50).await;
        }
    })
    .await;
    assert!(matches!(error, BusError::Disconnected { .. }), "{error}");
    assert!(republisher.finish(PATIENCE).await.is_err());
    let error = Republisher::connect(&url, PATIENCE).await.unwrap_err();
    assert!(matches!(error, BusError::Connect { .. }), "{error}");
}

/// A line so long that connections are full after some thousands.
fn long_line(seq: u64) -> EventLine {
    line(&"x".repeat(8_192), seq)
}

/// Publishes one event after the other, until there is no room for the next one, whose number it returns.
async fn fill(republisher: &mut Republisher) -> u64 {
    const MANY: u64 = 100_000;
    for seq in 1..MANY {
        match republisher.publish(&run(), &long_line(seq), SHORT).await {
            Ok(()) => {}
            Err(BusError::TimedOut { what, after }) => {
                let named = what.contains(&format!("event {seq} on hpcbench.r1.event."));
                assert!(named && after == SHORT, "{what} after {after:?}");
                return seq;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("{MANY} events found room in a connection that nobody reads");
}

#[tokio::test]
async fn a_server_that_pauses_is_waited_for_and_gets_each_event_once() {
    const FURTHER: u64 = 1_000;
    let Some(server) = PlainServer::start("").await else {
        return;
    };
    let listener = nats::connect(server.url("")).await.unwrap();
    let mut heard = listener.subscribe("hpcbench.r1.event.>").await.unwrap();
    listener.flush().await.unwrap();
    let mut republisher = Republisher::connect(&server.url(""), PATIENCE).await.unwrap();
    server.pause();
    let next = fill(&mut republisher).await;
    let last = next + FURTHER;
    let republish = async {
        for seq in next..=last {
            republisher
                .publish(&run(), &long_line(seq), PATIENCE)
                .await
                .unwrap();
        }
        republisher.finish(PATIENCE).await.unwrap()
    };
    // It goes on only when an event has waited for a while.
    let go_on = async {
        tokio::time::sleep(SHORT).await;
        server.go_on();
    };
    let listen = async {
        for seq in 1..=last {
            let message = within("an event", heard.next()).await.unwrap();
            assert!(message.payload == long_line(seq).line, "not event {seq}");
        }
    };
    let (published, (), ()) = futures::join!(republish, go_on, listen);
    assert_eq!(published, last);
    // Whatever came twice has come by now: the server handles messages in order.
    listener
        .publish("hpcbench.r1.event.end", "".into())
        .await
        .unwrap();
    let message = within("the end", heard.next()).await.unwrap();
    assert_eq!(message.subject.as_str(), "hpcbench.r1.event.end");
}

#[tokio::test]
async fn a_line_that_the_server_has_no_room_for_is_an_error() {
    let Some(server) = PlainServer::start("max_payload: 64").await else {
        return;
    };
    let mut republisher = Republisher::connect(&server.url(""), PATIENCE).await.unwrap();
    let long = line(&"x".repeat(100), 1);
    let error = republisher.publish(&run(), &long, PATIENCE).await.unwrap_err();
    assert!(matches!(error, BusError::Refused { .. }), "{error}");
}
