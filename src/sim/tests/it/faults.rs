use std::time::Duration;

use crate::client::{Response, Service, chat};

const QUIET: Duration = Duration::from_millis(150);

fn with(service: &Service, fault: &str) -> Response {
    service.post(
        "/v1/chat/completions",
        &format!("X-Sim-Fault: {fault}\r\nX-Request-Id: r\r\n"),
        &chat(6),
    )
}

#[test]
fn statuses_and_closed_connections() {
    let service = Service::start("{}");
    let refused = with(&service, "status=503");
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_u64()),
        (503, Some(503))
    );
    let mut client = service.connect();
    client.send(
        "POST",
        "/v1/chat/completions",
        "X-Sim-Fault: close-before-headers\r\n",
        &chat(6),
    );
    assert!(client.try_response().is_none());
    assert_eq!(with(&service, "no such thing").status, 400);
}

#[test]
fn cut_streams_do_not_end() {
    let service = Service::start("{}");
    let cut = with(&service, "cut-after=3");
    assert_eq!((cut.status, cut.complete, cut.token_events()), (200, false, 3));
    assert_eq!(service.truth()["requests"]["r"]["outcome"], "cut");
}

#[test]
fn stalled_streams_stay_open_until_the_client_goes() {
    let service = Service::start("{}");
    for (fault, last) in [
        ("stall-before-first", "\"role\":\"assistant\""),
        ("stall-after=2", " quick"),
    ] {
        let mut client = service.connect();
        client.send(
            "POST",
            "/v1/chat/completions",
            &format!("X-Sim-Fault: {fault}\r\n"),
            &chat(6),
        );
        client.read_until(last);
        assert!(client.is_silent(QUIET), "{fault}");
        assert_eq!(service.truth()["running"], 1);
        drop(client);
        service.truth_when(|truth| truth["running"] == 0);
    }
    assert_eq!(service.truth()["totals"]["aborted"], 2);
}

#[test]
fn broken_and_missing_events() {
    let service = Service::start("{}");
    let malformed = with(&service, "malformed-after=2");
    let broken = malformed
        .events()
        .iter()
        .filter(|event| event.starts_with('{') && !event.ends_with('}'))
        .count();
    assert_eq!(
        (broken, malformed.token_events(), malformed.complete),
        (1, 6, true)
    );
    let error = with(&service, "error-event-after=2");
    assert_eq!((error.token_events(), error.complete), (2, true));
    assert!(error.events().iter().any(|event| event.starts_with("{\"error\"")));
    assert_eq!(service.truth()["requests"]["r#2"]["outcome"], "error");
    let role_only = with(&service, "role-only");
    assert_eq!((role_only.token_events(), role_only.complete), (0, true));
    assert!(
        role_only.body.contains("\"role\":\"assistant\"")
            && role_only.body.contains("\"completion_tokens\":0")
    );
    assert_eq!(with(&service, "empty").events(), ["[DONE]"]);
    let no_usage = with(&service, "no-usage");
    assert_eq!(
        (no_usage.token_events(), no_usage.body.contains("usage")),
        (6, false)
    );
    let several = with(&service, "multi-token=4");
    assert_eq!(several.token_events(), 2);
    assert!(several.body.contains("\"completion_tokens\":6"));
}

#[test]
fn a_share_of_all_requests() {
    let service = Service::start(r#"{"faults": [{"share": 0.3, "fault": "status=500"}], "seed": 5}"#);
    let mut client = service.connect();
    let failed = (0..100)
        .filter(|_| {
            client.send("POST", "/v1/chat/completions", "", &chat(1));
            client.response().status == 500
        })
        .count();
    assert!((15..45).contains(&failed), "{failed}");
}
