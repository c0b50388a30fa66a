//! A real llama.cpp server.

use anyhow::Result;
use hpcbench_tests::{Llama, Workdir, get, post};
use serde_json::json;

#[test]
fn the_testbed_serves_a_real_model() -> Result<()> {
    let workdir = Workdir::new()?;
    let Some(llama) = Llama::start("the_testbed_serves_a_real_model", &workdir, 2)? else {
        return Ok(());
    };
    let chat = json!({
        "messages": [{"role": "user", "content": "hello there"}],
        "max_tokens": 8, "stream": true, "stream_options": {"include_usage": true}, "temperature": 0,
    });
    let chat = post(llama.address(), "/v1/chat/completions", &chat)?;
    assert_eq!(chat.status, 200, "{chat:?}");
    assert!(
        chat.body.contains("\"completion_tokens\":8") && chat.body.trim_end().ends_with("data: [DONE]"),
        "{chat:?}"
    );
    let completion = post(
        llama.address(),
        "/v1/completions",
        &json!({"prompt": "the time", "max_tokens": 4}),
    )?;
    assert_eq!(completion.json()?["usage"]["completion_tokens"], 4);
    let metrics = get(llama.address(), "/metrics")?;
    assert!(
        metrics.body.contains("llamacpp:tokens_predicted_total 12"),
        "{metrics:?}"
    );
    Ok(())
}
