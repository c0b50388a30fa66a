//! What nodes and services say of themselves: tables that other programs read, and what becomes of it in results.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::sound::expect_verified;
use hpcbench_tests::summary::{count, number, trials};
use hpcbench_tests::{Recipe, Workdir, data, events, of_type, post, wait_until};
use serde_json::{Value, json};

use crate::recomputed::python;

/// Prints what the tables hold, by node: rows, the sources and metrics, the metadata, and the values of one metric.
const READ: &str = r#"
import json, sys
import pyarrow.parquet as pq
nodes = {}
for path in sys.argv[1:]:
    table = pq.read_table(path)
    metadata = {k.decode(): v.decode() for k, v in table.schema.metadata.items()}
    rows = table.to_pylist()
    times = [row["t_ns"] for row in rows]
    nodes[metadata["hpcbench.node"]] = {
        "t0": int(metadata["hpcbench.t0_realtime_ns"]), "dropped": int(metadata["hpcbench.dropped"]),
        "gpu_absent": metadata.get("hpcbench.gpu_absent"), "first": min(times), "last": max(times),
        "metrics": sorted({f'{row["source"]}/{row["metric"]}' for row in rows}),
        "running": [row["value"] for row in rows if row["metric"] == "running"],
        "busy": [row["value"] for row in rows if row["metric"] == "cpu_busy_share"],
    }
print(json.dumps(nodes))
"#;

/// Requests that a test sends beside the load.
const FOREIGN: u32 = 12;

fn recipe() -> Recipe {
    Recipe::simulated()
        .workload("warmup", "500ms")
        .workload("duration", "3s")
        .top("monitoring", "{scrape_interval: 200ms, system_interval: 250ms}")
}

fn tables(python: &Path, run: &Path) -> Result<Value> {
    let files =
        ["orchestrator", "server", "client"].map(|node| run.join(format!("telemetry/{node}.parquet")));
    let output = Command::new(python).args(["-c", READ]).args(files).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[test]
fn nodes_and_services_leave_tables_and_the_summary_says_how_the_service_was_used() -> Result<()> {
    let test = "nodes_and_services_leave_tables_and_the_summary_says_how_the_service_was_used";
    let Some(python) = python(test)? else {
        return Ok(());
    };
    let workdir = Workdir::new()?;
    let finished = workdir.bench(&recipe())?.run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let trial = &trials(&workdir.run())?[0];
    ensure!(
        trial["verdict"]["status"] != "invalid",
        "nobody else was there: {trial}"
    );
    let running = number(trial, "/service/running_mean")?;
    let delivered = number(trial, "/concurrency/delivered_mean")?;
    ensure!(
        (running - delivered).abs() < 1.0,
        "{running} running, {delivered} delivered"
    );
    assert_eq!(count(trial, "/service/preemptions")?, 0);
    assert!(number(trial, "/service/prefix_hit_ratio")?.abs() < f64::EPSILON);
    assert!(number(trial, "/service/kv_cache_max")? > 0.0);
    ensure!(finished.stdout.contains("by its own account"), "{finished}");

    let nodes = tables(&python, &workdir.run())?;
    for node in ["orchestrator", "server", "client"] {
        let table = &nodes[node];
        assert_eq!(table["dropped"], 0, "{table}");
        ensure!(
            number(table, "/first")? >= 0.0 && number(table, "/last")? >= 3e9,
            "{table}"
        );
        ensure!(number(table, "/t0")? > 1.7e18, "{table}");
        let has = |metric: &str| {
            table["metrics"]
                .as_array()
                .is_some_and(|all| all.iter().any(|m| m == metric))
        };
        for metric in [
            "host/cpu_busy_share",
            "host/memory_available_bytes",
            "host/network_received_bytes",
            "process/cpu_seconds",
        ] {
            ensure!(has(metric), "no {metric} in {table}");
        }
        assert_eq!(has("service/running"), node == "server");
        assert_eq!(has("service/vllm:num_requests_running"), node == "server");
    }
    let most = nodes["server"]["running"].as_array().context("no list")?;
    ensure!(
        most.iter()
            .filter_map(Value::as_f64)
            .any(|running| running >= 3.0),
        "{nodes}"
    );

    let log = events(&workdir.run())?;
    let recorded = of_type(&log, "artifact.recorded");
    let tables = recorded.iter().filter(|event| {
        event["data"]["path"]
            .as_str()
            .is_some_and(|path| path.starts_with("telemetry/"))
    });
    assert_eq!(tables.count(), 3);
    expect_verified(&workdir)?;
    workdir.expect_no_process(Duration::from_secs(5))
}

/// Where the run's service listens.
fn endpoint(run: &Path) -> Option<SocketAddr> {
    let log = events(run).ok()?;
    let url = data(&log, "service.ready").ok()?["endpoints"][0].as_str()?;
    url.strip_prefix("http://")?.parse().ok()
}

#[test]
fn requests_of_somebody_else_make_a_trial_invalid() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = workdir.bench(&recipe())?.start()?;
    let address = wait_until(Duration::from_secs(30), "the load", || {
        let begun = events(&workdir.run()).is_ok_and(|log| !of_type(&log, "load.started").is_empty());
        Ok(begun.then(|| endpoint(&workdir.run())).flatten())
    })?;
    std::thread::sleep(Duration::from_millis(700));
    for _ in 0..FOREIGN {
        let body = json!({"messages": [{"role": "user", "content": "whose are you?"}], "max_tokens": 2});
        assert_eq!(post(address, "/v1/chat/completions", &body)?.status, 200);
    }
    let finished = running.wait()?.expect_code(1)?;
    let trial = &trials(&workdir.run())?[0];
    assert_eq!(trial["verdict"]["status"], "invalid", "{trial}");
    let reasons = trial["verdict"]["reasons"].to_string();
    // The service has received all of ours, those that were cancelled last too, and was asked when it had ended them.
    ensure!(
        reasons.contains("foreign requests") && reasons.contains(&format!(" {FOREIGN} more than")),
        "{reasons}\n{finished}"
    );
    Ok(())
}

#[test]
fn a_gpu_that_is_required_and_absent_is_named() -> Result<()> {
    if Path::new("/dev/nvidiactl").exists() {
        hpcbench_tests::skip("a_gpu_that_is_required_and_absent_is_named", "there is a GPU");
        return Ok(());
    }
    let workdir = Workdir::new()?;
    let recipe = recipe().top("monitoring", "{gpu: required}");
    let finished = workdir.bench(&recipe)?.run()?.expect_code(1)?;
    let trial = &trials(&workdir.run())?[0];
    let reasons = trial["verdict"]["reasons"].to_string();
    ensure!(
        reasons.contains("monitoring.gpu is required") && reasons.contains("libnvidia-ml.so.1"),
        "{reasons}\n{finished}"
    );
    Ok(())
}
