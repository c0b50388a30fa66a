use serde_json::{Value, json};

use crate::client::{Service, chat};

#[test]
fn streamed_chat() {
    let service = Service::start("{}");
    let response = service.post("/v1/chat/completions", "X-Request-Id: abc\r\n", &chat(4));
    assert_eq!((response.status, response.complete), (200, true));
    assert_eq!(response.header("x-request-id"), Some("abc"));
    assert_eq!(
        response.header("content-type"),
        Some("text/event-stream; charset=utf-8")
    );
    let events = response.events();
    assert_eq!(events.len(), 8, "{events:?}");
    assert_eq!(response.token_events(), 4);
    let first: Value = serde_json::from_str(events[0]).unwrap();
    assert_eq!(
        first["choices"][0]["delta"],
        json!({ "role": "assistant", "content": "" })
    );
    let usage: Value = serde_json::from_str(events[6]).unwrap();
    let counts = json!({ "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7 });
    assert_eq!((&usage["choices"], &usage["usage"]), (&json!([]), &counts));
    assert_eq!(events[7], "[DONE]");
}

#[test]
fn streamed_completion_without_usage() {
    let service = Service::start("{}");
    let body = r#"{"prompt": "a b", "stream": true, "max_tokens": 3}"#;
    let response = service.post("/v1/completions", "", body);
    assert_eq!(response.token_events(), 3);
    assert!(!response.body.contains("usage"));
    assert_eq!(response.events().last(), Some(&"[DONE]"));
}

#[test]
fn whole_results() {
    let service = Service::start("{}");
    let body = r#"{"messages": [{"role": "user", "content": "a"}], "max_completion_tokens": 3}"#;
    let chat = service.post("/v1/chat/completions", "", body).json();
    assert_eq!(chat["choices"][0]["message"]["content"], " the quick brown");
    assert_eq!(chat["usage"]["completion_tokens"], 3);
    let text = service
        .post("/v1/completions", "", r#"{"prompt": "a", "max_tokens": 2}"#)
        .json();
    assert_eq!(
        (&text["object"], &text["choices"][0]["text"]),
        (&json!("text_completion"), &json!(" the quick"))
    );
}

#[test]
fn a_connection_serves_many_requests_even_sent_ahead() {
    let service = Service::start("{}");
    let mut client = service.connect();
    for _ in 0..3 {
        client.send("POST", "/v1/chat/completions", "", &chat(2));
    }
    client.send("GET", "/health", "", "");
    for _ in 0..3 {
        assert_eq!(client.response().token_events(), 2);
    }
    assert_eq!(client.response().json(), json!({ "status": "ok" }));
}

#[test]
fn the_role_chunk_can_be_chosen() {
    for (kind, events, content) in [("null", 5, Value::Null), ("none", 4, json!(" the"))] {
        let service = Service::start(&format!(r#"{{"role_chunk": "{kind}"}}"#));
        let body = r#"{"messages": [{"content": "a"}], "stream": true, "max_tokens": 2}"#;
        let response = service.post("/v1/chat/completions", "", body);
        assert_eq!(response.events().len(), events);
        let first: Value = serde_json::from_str(response.events()[0]).unwrap();
        assert_eq!(
            first["choices"][0]["delta"],
            json!({ "role": "assistant", "content": content })
        );
    }
}

#[test]
fn models_and_metrics() {
    let service = Service::start(r#"{"model": "tiny"}"#);
    assert_eq!(service.get("/v1/models").json()["data"][0]["id"], "tiny");
    let refused = service.post("/v1/chat/completions", "", &chat(2));
    assert_eq!(
        (refused.status, &refused.json()["error"]["type"]),
        (404, &json!("NotFoundError"))
    );
    service.post(
        "/v1/completions",
        "",
        r#"{"prompt": "a b", "max_tokens": 5, "stream": true}"#,
    );
    let metrics = service.get("/metrics");
    assert_eq!(
        metrics.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    for line in [
        r#"vllm:generation_tokens_total{engine="0",model_name="tiny"} 5"#,
        r#"vllm:inter_token_latency_seconds_count{engine="0",model_name="tiny"} 4"#,
        r#"vllm:request_success_total{engine="0",model_name="tiny",finished_reason="length"} 1"#,
        r#"vllm:request_success_total{engine="0",model_name="tiny",finished_reason="error"} 1"#,
        r#"vllm:num_requests_running{engine="0",model_name="tiny"} 0"#,
    ] {
        assert!(
            metrics.body.lines().any(|one| one == line),
            "{line}\n{}",
            metrics.body
        );
    }
}
