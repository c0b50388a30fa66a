use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::client::{Client, Service, chat};

const MS: i64 = 1_000_000;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64
}

fn ask(service: &Service, id: &str, tokens: u32) -> Client {
    let mut client = service.connect();
    client.send(
        "POST",
        "/v1/chat/completions",
        &format!("X-Request-Id: {id}\r\n"),
        &chat(tokens),
    );
    client
}

#[test]
fn tells_what_happened_and_when() {
    let service = Service::start(r#"{"ttft": "50ms", "itl": "10ms"}"#);
    // The kernel needs a moment after the first socket has asked for stamps.
    std::thread::sleep(Duration::from_millis(100));
    let before = now();
    let response = ask(&service, "one", 5).response();
    let after = now();
    assert_eq!(response.token_events(), 5);
    let entry = service.truth()["requests"]["one"].clone();
    let number = |name: &str| entry[name].as_i64().unwrap();
    assert_eq!(entry["stamp_source"], "kernel");
    assert_eq!(entry["outcome"], "completed");
    assert_eq!(
        (
            number("tokens"),
            number("chunks"),
            number("input_tokens"),
            number("queued_ns")
        ),
        (5, 5, 3, 0)
    );
    let sends: Vec<i64> = entry["sends"]
        .as_array()
        .unwrap()
        .iter()
        .map(|send| send.as_i64().unwrap())
        .collect();
    assert_eq!(
        (sends[0], sends[4]),
        (number("first_sent_ns"), number("last_sent_ns"))
    );
    assert!(before <= number("arrival_ns") && sends[4] <= after);
    for (token, send) in sends.iter().enumerate() {
        let late = send - number("arrival_ns") - (50 + 10 * token as i64) * MS;
        // How late depends on how busy the machine is, but it is never early. The clocks are paired to some microseconds.
        assert!(late > -50_000, "{late}");
    }
}

#[test]
fn the_highest_concurrency_and_the_queue() {
    let service = Service::start(r#"{"max_num_seqs": 2, "ttft": "100ms"}"#);
    let mut clients: Vec<Client> = (0..5).map(|n| ask(&service, &format!("r{n}"), 3)).collect();
    for client in &mut clients {
        assert_eq!(client.response().token_events(), 3);
    }
    let truth = service.truth();
    assert_eq!(
        (&truth["max_concurrency"], &truth["max_running"]),
        (&json!(5), &json!(2))
    );
    let mut queued: Vec<i64> = truth["requests"]
        .as_object()
        .unwrap()
        .values()
        .map(|entry| entry["queued_ns"].as_i64().unwrap())
        .collect();
    queued.sort_unstable();
    assert_eq!((queued[0], queued[1]), (0, 0));
    assert!(queued[2] > 50 * MS && queued[4] > 150 * MS, "{queued:?}");
}

#[test]
fn clients_that_leave_are_noticed() {
    let service = Service::start(r#"{"max_num_seqs": 1, "ttft": "1h"}"#);
    let first = ask(&service, "runs", 1);
    service.truth_when(|truth| truth["running"] == 1);
    let second = ask(&service, "waits", 1);
    service.truth_when(|truth| truth["waiting"] == 1);
    let _third = ask(&service, "then-runs", 1);
    service.truth_when(|truth| truth["waiting"] == 2);
    drop(second);
    let truth = service.truth_when(|truth| truth["waiting"] == 1);
    assert_eq!(truth["requests"]["waits"]["outcome"], "aborted");
    drop(first);
    let truth = service.truth_when(|truth| truth["waiting"] == 0);
    assert_eq!(truth["requests"]["runs"]["outcome"], "aborted");
    assert_eq!(truth["requests"]["then-runs"]["outcome"], "running");
}

#[test]
fn requests_count_even_if_their_clients_are_gone_when_they_are_read() {
    const REQUESTS: usize = 50;
    let service = Service::start(r#"{"ttft": "1h"}"#);
    for n in 0..REQUESTS {
        drop(ask(&service, &format!("r{n}"), 1));
    }
    let truth = service.truth_when(|truth| truth["requests"].as_object().unwrap().len() == REQUESTS);
    let requests = truth["requests"].as_object().unwrap();
    assert!(
        requests.values().all(|entry| entry["outcome"] == "aborted"),
        "{truth}"
    );
    let metrics = service.get("/metrics").body;
    let aborted = metrics
        .lines()
        .find(|line| line.contains("finished_reason=\"abort\""));
    assert!(
        aborted.is_some_and(|line| line.ends_with(&format!(" {REQUESTS}"))),
        "{metrics}"
    );
}

#[test]
fn can_be_reset_and_is_bounded() {
    let service = Service::start(r#"{"truth_requests": 3}"#);
    for n in 0..5 {
        ask(&service, &format!("r{n}"), 1).response();
    }
    let truth = service.truth();
    let kept: Vec<&String> = truth["requests"].as_object().unwrap().keys().collect();
    assert_eq!(kept, ["r2", "r3", "r4"]);
    assert_eq!(
        (&truth["totals"]["dropped"], &truth["totals"]["requests"]),
        (&json!(2), &json!(5))
    );
    assert_eq!(service.post("/truth/reset", "", "").status, 200);
    let empty = service.truth();
    assert_eq!(
        (&empty["requests"], &empty["totals"]["requests"]),
        (&json!({}), &json!(0))
    );
    let plain: Value = service.get("/truth").json();
    assert_eq!(plain["max_concurrency"], 0);
}
