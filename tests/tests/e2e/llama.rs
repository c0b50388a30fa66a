//! A real llama.cpp server.

use std::time::Duration;

use anyhow::{Result, ensure};
use hpcbench_tests::summary::{count, number, trials};
use hpcbench_tests::{Llama, Recipe, Workdir, events, get, of_type, post};
use serde_json::{Value, json};

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

/// Benchmarks the real server with one endpoint of the API and returns the trials' summaries.
fn benchmark(test: &str, endpoint: &str) -> Result<Option<Vec<Value>>> {
    let workdir = Workdir::new()?;
    let Some(llama) = Llama::start(test, &workdir, 8)? else {
        return Ok(None);
    };
    let recipe = Recipe::external(&format!("http://{}/v1", llama.address()), "tiny")
        .workload("endpoint", endpoint)
        .workload(
            "prompts",
            "{source: synthetic, input_tokens: 32, output_tokens: 16}",
        )
        .workload("warmup", "500ms")
        .workload("duration", "2s")
        .levels(&[1, 4]);
    let finished = workdir.bench(&recipe)?.run()?;
    // Whether so short a measurement is valid depends on the machine; that it is a measurement does not.
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let log = events(&workdir.run())?;
    assert_eq!(of_type(&log, "trial.completed").len(), 2, "{finished}");
    workdir.expect_no_process(Duration::from_secs(5))?;
    ensure!(
        get(llama.address(), "/health")?.status == 200,
        "the server that ran before does not run any more"
    );
    trials(&workdir.run()).map(Some)
}

fn expect_a_measurement(trials: &[Value]) -> Result<()> {
    for trial in trials {
        let ok = count(trial, "/requests/ok")?;
        ensure!(ok >= 30 && count(trial, "/requests/error")? == 0, "{trial}");
        ensure!(trial["verdict"]["status"] != "invalid", "{trial}");
        // By the server's own count.
        assert_eq!(count(trial, "/output_tokens")?, 16 * ok, "{trial}");
        ensure!(
            number(trial, "/metrics/ttft/p50")? < number(trial, "/metrics/e2e/p50")?,
            "{trial}"
        );
    }
    Ok(())
}

#[test]
fn chat_is_benchmarked() -> Result<()> {
    benchmark("chat_is_benchmarked", "chat")?.map_or(Ok(()), |trials| expect_a_measurement(&trials))
}

#[test]
fn completions_are_benchmarked() -> Result<()> {
    benchmark("completions_are_benchmarked", "completions")?
        .map_or(Ok(()), |trials| expect_a_measurement(&trials))
}
