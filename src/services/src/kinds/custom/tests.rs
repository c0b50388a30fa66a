use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing;

#[test]
fn gaps_are_filled_and_nothing_else_is_changed() {
    let options = json!({
        "command": ["/opt/server", "--bind={host}:{port}", "--name", "{model}", "--json={\"a\": {\"port\": 1}}", "$(id)"],
        "environment": {"CACHE": "{scratch}/cache-{instance}"},
        "base_path": "/api/v1",
        "metrics": "llama-cpp",
    });
    let plan = testing::plan(&Custom, "m", &options);
    let command = testing::command(&Custom, &plan);
    assert_eq!(command.program, std::path::Path::new("/opt/server"));
    assert_eq!(
        testing::words(&command),
        [
            "--bind=127.0.0.1:4000",
            "--name",
            "m",
            "--json={\"a\": {\"port\": 1}}",
            "$(id)"
        ]
    );
    assert_eq!(command.environment["CACHE"], "/scratch/i/cache-2");
    let endpoint = &Custom.endpoints(&plan, &testing::context()).unwrap()[0];
    assert_eq!(
        endpoint.url.request_path("/v1/chat/completions"),
        "/api/v1/chat/completions"
    );
    assert_eq!(Custom.readiness(&plan).unwrap().probe.path, "/health");
    assert!(Custom.metrics(&plan).is_some());
}

#[test]
fn further_ports_and_a_key_are_for_whoever_names_them() {
    let options = json!({
        "command": ["server", "--port={port}", "--grpc={port2}", "--dist={host}:{port1}", "{port9}"],
        "environment": {"SERVER_KEY": "{key}"},
    });
    let plan = testing::plan(&Custom, "m", &options);
    assert_eq!(Custom.needs(&plan).ports, 2);
    let mut context = testing::context();
    context.extras.ports = vec![4001, 4002];
    let command = testing::launched(Custom.start(&plan, &context).unwrap());
    assert_eq!(
        testing::words(&command),
        ["--port=4000", "--grpc=4002", "--dist=127.0.0.1:4001", "{port9}"]
    );
    assert_eq!(command.tokens["SERVER_KEY"], Token::ApiKey);
    assert!(!command.environment.contains_key("SERVER_KEY"));
    let endpoints = Custom.endpoints(&plan, &context).unwrap();
    assert_eq!(endpoints[0].api_key, Some(ApiKey::OfTheRun));
    let plain = testing::plan(&Custom, "m", &json!({"command": ["server", "{port}"]}));
    assert_eq!(Custom.needs(&plain), Needs::default());
    assert_eq!(Custom.endpoints(&plain, &context).unwrap()[0].api_key, None);
}

#[test]
fn what_cannot_be_started_is_refused() {
    for (options, place) in [
        (json!({}), "options/command"),
        (json!({"command": ["bin/server", "{port}"]}), "options/command"),
        (json!({"command": ["", "{port}"]}), "options/command"),
        (
            json!({"command": ["server", "--port", "{port}", "{prot}"]}),
            "options/command/3",
        ),
        (
            json!({"command": ["server", "{port}"], "environment": {"A": "{hsot}"}}),
            "options/environment/A",
        ),
        (
            json!({"command": ["server", "{port}", "--key={key}"]}),
            "options/command/2",
        ),
        (
            json!({"command": ["server", "{port}"], "environment": {"A": "x{key}"}}),
            "options/environment/A",
        ),
        (
            json!({"command": ["server", "{port}"], "api_key": "KEY"}),
            "options/api_key",
        ),
        (
            json!({"command": ["server", "{port}"], "answers": ["generate"]}),
            "options/answers",
        ),
        (json!({"command": ["server"]}), "options/command"),
    ] {
        let problems = testing::problems(&Custom, "m", &options, &testing::workload(8, 8));
        assert_eq!(testing::places(&problems), [place], "{options}: {problems:?}");
    }
    let advice = testing::problems(
        &Custom,
        "m",
        &json!({"command": ["server"]}),
        &testing::workload(8, 8),
    );
    assert!(advice[0].advice_only);
}

proptest! {
    #[test]
    fn texts_without_gaps_stay_as_they_are(text in "[ -z|~]{0,40}|[{}a-z\"]{0,12}") {
        let plan = testing::plan(&Custom, "m", &json!({}));
        let filled = fill(&text, &plan, &testing::context());
        let has_gap = ["{host}", "{port}", "{model}", "{scratch}", "{instance}"].iter().any(|gap| text.contains(gap));
        prop_assert!(has_gap || filled == text);
    }
}
