//! llama.cpp's server, started and ended by hpcbench.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::{count, trials};
use hpcbench_tests::{
    Finished, LlamaFiles, Recipe, Workdir, data, events, expect_no_file_with, get, of_type, terminal,
    wait_ready,
};
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
    for ready in &ready {
        ensure!(ready["data"]["first_token_seconds"].is_number(), "{ready}");
    }
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

/// Runs a recipe and asks its server, while that is ready, for something without a key; then expects that our own requests were
/// answered, and so were those for metrics.
fn keeps_others_out(recipe: &Recipe, workdir: &Workdir) -> Result<Finished> {
    let recipe = recipe.clone().top("monitoring", "{scrape_interval: 200ms}");
    let running = workdir.bench(&recipe)?.start()?;
    let address = wait_ready(&workdir.run(), Duration::from_secs(30))?;
    assert_eq!(get(address, "/metrics")?.status, 401);
    let finished = running.wait()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let trial = trials(&workdir.run())?.remove(0);
    ensure!(count(&trial, "/requests/ok")? >= 30, "{trial}");
    assert_eq!(count(&trial, "/requests/error")?, 0, "{trial}");
    ensure!(trial["service"]["running_mean"].is_number(), "{trial}");
    Ok(finished)
}

#[test]
fn a_run_makes_up_a_key_that_keeps_others_out() -> Result<()> {
    let Some(files) = LlamaFiles::get("a_run_makes_up_a_key_that_keeps_others_out")? else {
        return Ok(());
    };
    keeps_others_out(&recipe(&files, ""), &Workdir::new()?).map(drop)
}

#[test]
fn a_key_of_the_recipe_is_nowhere_to_be_read() -> Result<()> {
    const KEY: &str = "k-7f3a9d2e61";
    let Some(files) = LlamaFiles::get("a_key_of_the_recipe_is_nowhere_to_be_read")? else {
        return Ok(());
    };
    let workdir = Workdir::new()?;
    workdir.write("key", KEY)?;
    let recipe = recipe(&files, "").service("secrets", "{LLAMA_API_KEY: {file: key}}");
    let finished = keeps_others_out(&recipe, &workdir)?;
    ensure!(!finished.to_string().contains(KEY), "{finished}");
    expect_no_file_with(KEY, workdir.path(), &["key"])
}

/// How a service that could not start ended.
struct Failure {
    /// What hpcbench made of it.
    diagnosis: String,
    /// The last lines of its log.
    tail: String,
    /// Why the run failed, as it is told on the terminal.
    told: String,
}

/// Runs a recipe whose service cannot start.
fn fails(recipe: &Recipe) -> Result<Failure> {
    let workdir = Workdir::new()?;
    let finished = workdir.bench(recipe)?.run()?.expect_code(1)?;
    ensure!(finished.elapsed < Duration::from_secs(25), "{finished}");
    workdir.expect_no_process(Duration::from_secs(5))?;
    let log = events(&workdir.run())?;
    assert_eq!(terminal(&log)?["data"]["exit_code"], 1, "{finished}");
    let ended = data(&log, "service.exited")?;
    assert_eq!(ended["expected"], false, "{ended}");
    let lines = ended["log_tail"].as_array().context("no last lines of its log")?;
    let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
    let diagnosis = ended["diagnosis"].as_str().context("nothing was recognised")?;
    Ok(Failure {
        diagnosis: diagnosis.to_owned(),
        tail: lines.join("\n"),
        told: finished.stdout + &finished.stderr,
    })
}

impl Failure {
    fn expect(&self, trouble: &str, line: &str) -> Result<()> {
        ensure!(self.diagnosis.contains(trouble), "{}", self.diagnosis);
        ensure!(self.tail.contains(line), "{}", self.tail);
        // Without the line breaks of the terminal's width.
        let told: Vec<&str> = self.told.split_whitespace().collect();
        ensure!(told.join(" ").contains(trouble), "{}", self.told);
        Ok(())
    }
}

#[test]
fn a_model_that_is_not_there_is_named() -> Result<()> {
    let Some(mut files) = LlamaFiles::get("a_model_that_is_not_there_is_named")? else {
        return Ok(());
    };
    files.model = "/nowhere/model.gguf".into();
    fails(&recipe(&files, ""))?.expect("the model is not there", "/nowhere/model.gguf")
}

#[test]
fn a_model_that_is_none_is_named() -> Result<()> {
    let Some(mut files) = LlamaFiles::get("a_model_that_is_none_is_named")? else {
        return Ok(());
    };
    let elsewhere = Workdir::new()?;
    files.model = elsewhere.path().join("model.gguf");
    std::fs::write(&files.model, "a page that says: not found")?;
    fails(&recipe(&files, ""))?.expect("damaged or of another format", "invalid magic characters")
}

#[test]
fn an_argument_that_the_server_does_not_know_is_named() -> Result<()> {
    let Some(files) = LlamaFiles::get("an_argument_that_the_server_does_not_know_is_named")? else {
        return Ok(());
    };
    fails(&recipe(&files, ", extra_args: [--frobnicate]"))?
        .expect("does not accept an argument", "invalid argument: --frobnicate")
}

/// The same server as a service that the recipe describes.
#[test]
fn a_port_that_somebody_else_has_is_named() -> Result<()> {
    let Some(files) = LlamaFiles::get("a_port_that_somebody_else_has_is_named")? else {
        return Ok(());
    };
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let options = format!(
        "{{command: [{}, --model, {}, --host, \"{{host}}\", --port, \"{}\"]}}",
        files.program.display(),
        files.model.display(),
        taken.local_addr()?.port()
    );
    let recipe = Recipe::of("custom")
        .service("model", "tiny")
        .service("options", &options)
        .service("restart", "{max: 0}")
        .workload("endpoint", "completions");
    fails(&recipe)?.expect("port", "couldn't bind HTTP server socket")
}

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
