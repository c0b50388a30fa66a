use std::io::Write;
use std::time::Duration;

use serde_json::json;

use crate::client::{Service, chat};

#[test]
fn unknown_paths_methods_and_bodies() {
    let service = Service::start("{}");
    let unknown = service.get("/nothing");
    assert_eq!(
        (unknown.status, &unknown.json()["error"]["code"]),
        (404, &json!(404))
    );
    let wrong = service.get("/v1/chat/completions");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    assert_eq!(service.post("/v1/chat/completions", "", "{").status, 400);
    assert!(service.post("/api/chat", "", "{").json()["error"].is_string());
}

#[test]
fn a_client_that_sends_too_much_can_read_why() {
    let service = Service::start("{}");
    let mut client = service.connect();
    let head = format!("GET / HTTP/1.1\r\nX-Long: {}\r\n\r\n", "x".repeat(100_000));
    client.socket.write_all(head.as_bytes()).unwrap();
    assert_eq!(client.response().status, 431);
    assert!(client.try_response().is_none());
    let mut client = service.connect();
    client
        .socket
        .write_all(b"POST /api/chat HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")
        .unwrap();
    // The service may close before all of it is written; the answer has to come through all the same.
    let _ = client.socket.write_all(&vec![b'x'; 1_000_000]);
    assert_eq!(client.response().status, 413);
    let mut client = service.connect();
    client
        .socket
        .write_all(b"POST /api/chat HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    assert_eq!(client.response().status, 411);
    let mut client = service.connect();
    client.socket.write_all(b"no http at all\r\n\r\n").unwrap();
    let refused = client.response();
    assert_eq!(
        (refused.status, refused.header("connection")),
        (400, Some("close"))
    );
}

#[test]
fn a_body_that_is_announced_first() {
    let service = Service::start("{}");
    let mut client = service.connect();
    let body = chat(1);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.socket.write_all(head.as_bytes()).unwrap();
    client.read_until("100 Continue\r\n\r\n");
    client.socket.write_all(body.as_bytes()).unwrap();
    client.read_until("[DONE]");
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let service = Service::start("{}");
    let mut client = service.connect();
    for byte in b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" {
        client.socket.write_all(&[*byte]).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(client.response().status, 200);
}

#[test]
fn connections_close_when_told_or_idle() {
    let service = Service::start(r#"{"keep_alive": "100ms"}"#);
    let mut client = service.connect();
    client.send("POST", "/v1/chat/completions", "Connection: close\r\n", &chat(2));
    let response = client.response();
    assert_eq!(
        (response.header("connection"), response.token_events()),
        (Some("close"), 2)
    );
    assert!(client.try_response().is_none());
    let mut idle = service.connect();
    idle.send("GET", "/health", "", "");
    assert_eq!(idle.response().status, 200);
    assert!(idle.try_response().is_none());
    let mut half = service.connect();
    half.socket.write_all(b"GET /hea").unwrap();
    half.read_to_end();
}

#[test]
fn a_full_queue_is_said_so() {
    let service = Service::start(r#"{"max_num_seqs": 1, "max_queue": 0, "ttft": "10s"}"#);
    let mut first = service.connect();
    first.send("POST", "/v1/chat/completions", "", &chat(1));
    service.truth_when(|truth| truth["running"] == 1);
    assert_eq!(service.post("/v1/chat/completions", "", &chat(1)).status, 503);
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_and_loses_nothing() {
    const TOKENS: u32 = 60_000;
    const PAGES: usize = 1_000;
    let service = Service::start(r#"{"itl": "0ms"}"#);
    let mut stream = service.connect();
    stream.send(
        "POST",
        "/v1/chat/completions",
        "X-Request-Id: slow\r\n",
        &chat(TOKENS),
    );
    let mut pages = service.connect();
    for _ in 0..PAGES {
        pages.send("GET", "/metrics", "", "");
    }
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(service.get("/health").status, 200);
    let response = stream.response();
    assert_eq!(
        (response.token_events(), response.complete),
        (TOKENS as usize, true)
    );
    for _ in 0..PAGES {
        assert_eq!(pages.response().status, 200);
    }
    assert_eq!(service.truth()["requests"]["slow"]["tokens"], TOKENS);
}
