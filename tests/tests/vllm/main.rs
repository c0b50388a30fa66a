//! Real vLLM on CPUs, on one node and by its own means on two: `make test-vllm`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::sound::expect_verified;
use hpcbench_tests::summary::{count, number, trials};
use hpcbench_tests::{Recipe, VllmFiles, Workdir, data, events, get, of_type, wait_ready};

/// vLLM takes a minute to start on an idle machine of two cores.
const START: &str = "{timeout: 15m, interval: 1s}";
const RUN: Duration = Duration::from_mins(20);
const CONCURRENCY: u64 = 2;
const SETTLE: Duration = Duration::from_secs(30);

/// A short load on a small server.
fn recipe(files: &VllmFiles, options: &str) -> Recipe {
    let options = format!(
        "{{program: {}, model_path: {}, max_model_len: 1024, max_num_seqs: 8, dtype: bfloat16, enforce_eager: true{options}}}",
        files.program.display(),
        files.model.display()
    );
    Recipe::of("vllm")
        .service("model", "tiny")
        .service("options", &options)
        .service(
            "environment",
            "{VLLM_CPU_KVCACHE_SPACE: \"1\", VLLM_CPU_OMP_THREADS_BIND: nobind}",
        )
        .service("health", START)
        .service("restart", "{max: 0}")
        .workload("load", &format!("{{shape: closed, concurrency: {CONCURRENCY}}}"))
        // The tiny model knows nothing: it would end some answers before their first word.
        .workload("sampling", "{ignore_eos: true}")
        .workload("duration", "20s")
        .workload("timeout", "60s")
        .workload(
            "prompts",
            "{source: synthetic, input_tokens: 32, output_tokens: 16}",
        )
}

/// Runs it, shows what it printed, and looks at what vLLM was measured to do.
fn run(recipe: &Recipe, instances: usize, processes: usize) -> Result<()> {
    let workdir = Workdir::new()?;
    let running = workdir.bench(recipe)?.limit(RUN).start()?;
    // Whoever else is on the node cannot use it.
    let address = wait_ready(&workdir.run(), RUN)?;
    assert_eq!(get(address, "/v1/models")?.status, 401);
    let finished = running.wait()?;
    println!("{finished}");
    // Whether so short a measurement on a busy machine is valid is not asked here.
    ensure!(matches!(finished.code, Some(0 | 1)), "it did not end in order");
    workdir.expect_no_process(SETTLE)?;
    let log = events(&workdir.run())?;
    ensure!(
        of_type(&log, "trial.completed").len() == 1,
        "{:?}",
        of_type(&log, "trial.failed")
    );
    assert_eq!(of_type(&log, "service.launched").len(), processes);
    assert_eq!(of_type(&log, "service.ready").len(), instances);
    let ready = data(&log, "service.ready")?;
    println!("service.ready: {ready}");
    assert_eq!(ready["models"][0], "tiny");
    ensure!(
        ready["first_token_seconds"]
            .as_f64()
            .is_some_and(|taken| taken > 0.0)
    );
    for exited in of_type(&log, "service.exited") {
        assert_eq!(exited["data"]["expected"], true, "{exited}");
    }
    let trial = trials(&workdir.run())?.into_iter().next().context("no trial")?;
    println!("trial: {trial}");
    ensure!(count(&trial, "/requests/ok")? > 0, "{trial}");
    assert_eq!(count(&trial, "/requests/error")?, 0, "{trial}");
    // What vLLM counted is what the clients sent.
    let instance = ready["instance"].as_str().context("no instance")?;
    let observed = of_type(&log, "service.observed").into_iter();
    // A node with another of its processes has nothing to tell.
    let mut answers = observed.filter(|event| {
        event["data"]["node"]
            .as_str()
            .is_some_and(|node| instance.starts_with(node))
    });
    let service = &answers.next().context("nobody observed it")?["data"]["service"];
    println!("service.observed: {service}");
    let issued = count(&trial, "/requests/issued")?;
    // On a machine that is busy otherwise it may have been read too late: then nothing is known. The load goes on until the
    // window's last request has ended.
    if let Some(counted) = service["requests"].as_u64() {
        ensure!(counted >= issued, "{counted} of {issued}: {service}");
    }
    let reasons = trial["verdict"]["reasons"].to_string();
    ensure!(!reasons.contains("foreign requests"), "{reasons}");
    let running = number(service, "/activity/running_mean")?;
    ensure!(running > 0.0 && running <= CONCURRENCY as f64, "{service}");
    expect_verified(&workdir).map(drop)
}

#[test]
fn one_node() -> Result<()> {
    let Some(files) = VllmFiles::get("one_node")? else {
        return Ok(());
    };
    run(&recipe(&files, ""), 1, 1)
}

#[test]
fn two_nodes_share_each_layer() -> Result<()> {
    let Some(files) = VllmFiles::get("two_nodes_share_each_layer")? else {
        return Ok(());
    };
    let recipe = recipe(&files, ", tensor_parallel_size: 2, nodes_per_instance: 2")
        .top("nodes", "{servers: {count: 2}}");
    run(&recipe, 1, 2)
}
