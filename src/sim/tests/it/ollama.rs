use serde_json::{Value, json};

use crate::client::Service;

#[test]
fn generate_and_chat_stream_lines() {
    let service = Service::start("{}");
    let generate = r#"{"model": "simulated", "prompt": "a b c", "options": {"num_predict": 3}}"#;
    let response = service.post("/api/generate", "", generate);
    assert_eq!(response.header("content-type"), Some("application/x-ndjson"));
    let lines = response.lines();
    assert_eq!(lines.len(), 4);
    assert_eq!(
        (&lines[0]["response"], &lines[0]["done"]),
        (&json!(" the"), &json!(false))
    );
    let last = &lines[3];
    assert_eq!(
        (&last["response"], &last["done"], &last["done_reason"]),
        (&json!(""), &json!(true), &json!("length"))
    );
    assert_eq!(
        (&last["prompt_eval_count"], &last["eval_count"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(last["prompt_eval_duration"], 5_000_000);
    assert!(last["total_duration"].as_u64().unwrap() >= 7_000_000);
    assert_eq!(last.get("load_duration"), None);
    let chat = r#"{"model": "simulated", "messages": [{"role": "user", "content": "a"}], "options": {"num_predict": 2}}"#;
    let lines = service.post("/api/chat", "", chat).lines();
    assert_eq!(
        lines[1]["message"],
        json!({ "role": "assistant", "content": " quick" })
    );
    assert_eq!(lines[2]["message"], json!({ "role": "assistant", "content": "" }));
}

#[test]
fn one_object_if_asked() {
    let service = Service::start("{}");
    let body = r#"{"model": "simulated", "prompt": "a", "stream": false, "options": {"num_predict": 2}}"#;
    let whole = service.post("/api/generate", "", body).json();
    assert_eq!(
        (&whole["response"], &whole["done"], &whole["eval_count"]),
        (&json!(" the quick"), &json!(true), &json!(2))
    );
}

#[test]
fn loading_pulling_listing() {
    let service = Service::start(r#"{"load_time": "30ms"}"#);
    assert_eq!(service.get("/api/ps").json(), json!({ "models": [] }));
    let load = service
        .post("/api/generate", "", r#"{"model": "simulated"}"#)
        .json();
    assert_eq!(
        (&load["done"], &load["done_reason"]),
        (&json!(true), &json!("load"))
    );
    assert_eq!(
        service
            .post("/api/chat", "", r#"{"model": "x", "messages": []}"#)
            .status,
        404
    );
    let pull = service.post("/api/pull", "", r#"{"model": "x"}"#);
    let statuses: Vec<Value> = pull.lines().iter().map(|line| line["status"].clone()).collect();
    assert_eq!(
        (statuses.first(), statuses.last()),
        (Some(&json!("pulling manifest")), Some(&json!("success")))
    );
    assert_eq!(
        service
            .post("/api/chat", "", r#"{"model": "x", "messages": []}"#)
            .status,
        200
    );
    assert_eq!(service.get("/api/tags").json()["models"][1]["name"], "x");
    assert!(service.get("/api/version").json()["version"].is_string());
    assert_eq!(service.get("/").body, "Ollama is running");
}
