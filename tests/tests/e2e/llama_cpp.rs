//! llama.cpp's server, started and ended by hpcbench.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::{count, trials};
use hpcbench_tests::{LlamaFiles, Recipe, Workdir, data, events, of_type, terminal};
use serde_json::Value;

/// A short load on two instances of the server.
fn recipe(files: &LlamaFiles, more: &str) -> Recipe {
    let options = format!(
        "{{program: {}, model_path: {}, slots: 4, context: 512, threads: 1{more}}}",
        files.program.display(),
        files.model.display()
    );
    Recipe::of("llama-cpp")
        .service("model", "tiny")
        .service("options", &options)
        .service("health", "{timeout: 30s, interval: 100ms}")
        .service("restart", "{max: 0}")
        .workload("duration", "2s")
        .workload(
            "prompts",
            "{source: synthetic, input_tokens: 32, output_tokens: 16}",
        )
}

fn texts<'v>(list: &'v [&Value], pointer: &str) -> Result<BTreeSet<&'v str>> {
    list.iter()
        .map(|event| {
            event
                .pointer(pointer)
                .and_then(Value::as_str)
                .with_context(|| format!("no {pointer}: {event}"))
        })
        .collect()
}

#[test]
fn two_instances_are_started_used_and_ended() -> Result<()> {
    let Some(files) = LlamaFiles::get("two_instances_are_started_used_and_ended")? else {
        return Ok(());
    };
    let workdir = Workdir::new()?;
    let recipe = recipe(&files, "")
        .top("nodes", "{servers: {instances_per_node: 2}}")
        .levels(&[2, 4]);
    let finished = workdir.bench(&recipe)?.run()?;
    // Whether so short a measurement is valid depends on the machine; that it is a measurement does not.
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    workdir.expect_no_process(Duration::from_secs(5))?;
    let log = events(&workdir.run())?;
    let ready = of_type(&log, "service.ready");
    // Both trials were measured on the same two processes.
    assert_eq!(texts(&ready, "/data/endpoints/0")?.len(), 2, "{ready:?}");
    assert_eq!(texts(&ready, "/data/models/0")?, BTreeSet::from(["tiny"]));
    assert_eq!(of_type(&log, "service.launched").len(), 2);
    for exited in of_type(&log, "service.exited") {
        assert_eq!(exited["data"]["expected"], true, "{exited}");
    }
    for trial in trials(&workdir.run())? {
        let ok = count(&trial, "/requests/ok")?;
        ensure!(ok >= 30 && count(&trial, "/requests/error")? == 0, "{trial}");
        ensure!(trial["verdict"]["status"] != "invalid", "{trial}");
        assert_eq!(count(&trial, "/output_tokens")?, 16 * ok, "{trial}");
    }
    Ok(())
}

/// Runs a recipe whose service cannot start, and returns the last lines of its log.
fn fails(recipe: &Recipe) -> Result<String> {
    let workdir = Workdir::new()?;
    let finished = workdir.bench(recipe)?.run()?.expect_code(1)?;
    ensure!(finished.elapsed < Duration::from_secs(25), "{finished}");
    workdir.expect_no_process(Duration::from_secs(5))?;
    let log = events(&workdir.run())?;
    assert_eq!(terminal(&log)?["data"]["exit_code"], 1, "{finished}");
    let ended = data(&log, "service.exited")?;
    assert_eq!(ended["expected"], false, "{ended}");
    let lines = ended["log_tail"].as_array().context("no last lines of its log")?;
    Ok(lines
        .iter()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join("\n"))
}

#[test]
fn a_model_that_is_not_there_is_no_hang() -> Result<()> {
    let Some(mut files) = LlamaFiles::get("a_model_that_is_not_there_is_no_hang")? else {
        return Ok(());
    };
    files.model = "/nowhere/model.gguf".into();
    let tail = fails(&recipe(&files, ""))?;
    ensure!(tail.contains("/nowhere/model.gguf"), "{tail}");
    Ok(())
}

#[test]
fn an_argument_that_the_server_does_not_know_is_no_hang() -> Result<()> {
    let Some(files) = LlamaFiles::get("an_argument_that_the_server_does_not_know_is_no_hang")? else {
        return Ok(());
    };
    let tail = fails(&recipe(&files, ", extra_args: [--frobnicate]"))?;
    ensure!(tail.contains("invalid argument: --frobnicate"), "{tail}");
    Ok(())
}

/// The same server as a service that the recipe describes.
#[test]
fn a_custom_service_is_started_by_its_command() -> Result<()> {
    let Some(files) = LlamaFiles::get("a_custom_service_is_started_by_its_command")? else {
        return Ok(());
    };
    let workdir = Workdir::new()?;
    let options = format!(
        "{{command: [{}, --model, {}, --alias, \"{{model}}\", --host, \"{{host}}\", --port, \"{{port}}\", --metrics, \
         --parallel, \"4\", --ctx-size, \"2048\", --threads, \"1\"], models_path: /v1/models, metrics: llama-cpp}}",
        files.program.display(),
        files.model.display()
    );
    let recipe = Recipe::of("custom")
        .service("model", "tiny")
        .service("options", &options)
        .workload("endpoint", "completions")
        .workload("duration", "2s");
    let finished = workdir.bench(&recipe)?.run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    workdir.expect_no_process(Duration::from_secs(5))?;
    let trials = trials(&workdir.run())?;
    let trial = trials.first().context("no trial")?;
    ensure!(
        count(trial, "/requests/ok")? >= 30 && count(trial, "/requests/error")? == 0,
        "{trial}"
    );
    Ok(())
}
