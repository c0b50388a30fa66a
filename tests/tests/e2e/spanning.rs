//! Services with a process on each of several nodes: here the nodes are processes of one machine.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::sound::expect_verified;
use hpcbench_tests::summary::{count, trials};
use hpcbench_tests::{
    Process, Recipe, VllmStandIn, Workdir, data, events, expect_no_file_with, of_type, ray, wait_until,
};
use nix::sys::signal::Signal;
use serde_json::Value;

const START: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(10);
/// Ray starts a dozen processes, most of them in Python.
const RAY_START: Duration = Duration::from_secs(150);
const RAY_RUN: Duration = Duration::from_mins(4);

/// `vllm serve` over several nodes as far as it concerns who starts it: the others come to where the first one listens.
const VLLM: &str = r#"#!/bin/bash
shift 2
headless=
while [ $# -gt 0 ]; do
  case $1 in
    --headless) headless=headless; shift; continue ;;
    --host) host=$2 ;; --port) port=$2 ;; --served-model-name) name=$2 ;;
    --nnodes) nnodes=$2 ;; --node-rank) rank=$2 ;; --master-addr) head=$2 ;; --master-port) meeting=$2 ;;
    --tensor-parallel-size | --pipeline-parallel-size | --distributed-executor-backend) ;;
    *) echo "vllm serve: error: unrecognized arguments: $1" >&2; exit 2 ;;
  esac
  shift 2
done
: "${VLLM_API_KEY:?}"
echo "$rank of $nnodes at $head:$meeting as $VLLM_HOST_IP $headless" >> "$NOTES/ranks"
if [ -n "$headless" ]; then
  for _ in $(seq 100); do exec 3<>"/dev/tcp/$head/$meeting" && break; sleep 0.1; done 2>/dev/null
  # Until the first one goes.
  read -r -u 3 _
  echo "ValueError: lost the first process" >&2
  exit 1
fi
python3 - "$head" "$meeting" "$NOTES/met" <<'PYTHON' &
import socket, sys, time
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
peer, _ = server.accept()
open(sys.argv[3], "w").close()
time.sleep(1000)
PYTHON
until [ -e "$NOTES/met" ]; do sleep 0.05; done
rm "$NOTES/met"
echo "n1:7:9 [0] NCCL INFO Using network Socket" >&2
exec "$SIMULATOR" simulate --host "$host" --port "$port" --model "$name"
"#;

/// Waits for the load of trial `number`, from 1, then kills what is found.
fn kill_in_trial(
    workdir: &Workdir,
    number: usize,
    patience: Duration,
    is_meant: impl Fn(&Process) -> bool,
) -> Result<()> {
    wait_until(patience, "the load", || {
        let log = events(&workdir.run()).unwrap_or_default();
        Ok((of_type(&log, "load.started").len() >= number).then_some(()))
    })?;
    let processes = workdir.processes()?;
    let meant = processes.iter().find(|process| is_meant(process));
    meant
        .with_context(|| format!("nothing to kill among {processes:?}"))?
        .signal(Signal::SIGKILL)
}

fn text<'v>(event: &'v Value, key: &str) -> &'v str {
    event["data"][key].as_str().unwrap_or_default()
}

/// The only event of a type, which has to name these things.
fn names(log: &[Value], kind: &str, words: &[&str]) -> Result<()> {
    let [event] = of_type(log, kind)[..] else {
        anyhow::bail!("not one {kind}: {:?}", of_type(log, kind));
    };
    ensure!(
        words.iter().all(|word| event.to_string().contains(word)),
        "{event}"
    );
    Ok(())
}

#[test]
fn vllm_spans_nodes_and_a_lost_process_is_named_and_replaced() -> Result<()> {
    let workdir = Workdir::new()?;
    let vllm = VllmStandIn::new(&workdir, VLLM)?;
    let recipe = vllm
        .recipe("vllm", "nodes_per_instance: 2")?
        .service("restart", "{max: 1, backoff: 100ms}");
    let running = workdir.bench(&recipe)?.start()?;
    kill_in_trial(&workdir, 1, START, |process| {
        process.command.contains("--headless")
    })?;
    let finished = running.wait()?.expect_code(1)?;
    workdir.expect_no_process(SETTLE)?;
    let log = events(&workdir.run())?;
    names(
        &log,
        "trial.failed",
        &["service server-1-0, its process server-2-0 on server-2, ended in the middle"],
    )?;
    ensure!(of_type(&log, "trial.completed").len() == 1, "{finished}");
    // That the fast network is not used is told where it can be seen.
    let ready = data(&log, "service.ready")?;
    ensure!(
        ready["remarks"][0]
            .as_str()
            .is_some_and(|remark| remark.contains("TCP sockets"))
            && finished.stderr.contains("NCCL uses TCP sockets"),
        "{ready} {finished}"
    );
    // Each start: the first process with its own address, the second one told of it, and one endpoint of both.
    let requested = of_type(&log, "service.requested");
    let instances: Vec<&str> = requested.iter().map(|event| text(event, "instance")).collect();
    assert_eq!(
        instances,
        ["server-1-0", "server-2-0", "server-1-0", "server-2-0"],
        "{finished}"
    );
    for pair in requested.chunks(2) {
        assert_eq!(pair[0]["data"]["rank"]["rendezvous"], Value::Null);
        assert_eq!(pair[1]["data"]["rank"]["rendezvous"]["address"], "127.0.0.1");
    }
    assert_eq!(of_type(&log, "service.ready").len(), 2, "{finished}");
    let ranks = fs::read_to_string(vllm.notes.join("ranks"))?;
    assert_eq!(
        ranks
            .lines()
            .filter(|line| line.starts_with("0 of 2 at 127.0.0.1:"))
            .count(),
        2
    );
    assert_eq!(
        ranks
            .lines()
            .filter(|line| line.starts_with("1 of 2 at") && line.ends_with("as 127.0.0.1 headless"))
            .count(),
        2,
        "{ranks}"
    );
    expect_verified(&workdir).map(drop)
}

#[test]
fn an_instance_that_does_not_fit_its_nodes_is_refused() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::of("vllm-ray")
        .service("model", "org/model")
        .service("options", "{tensor_parallel_size: 4, pipeline_parallel_size: 4}")
        .top("nodes", "{servers: {count: 3, gpus: 4}}");
    let finished = workdir.bench(&recipe)?.run()?.expect_code(2)?;
    let message = "4 × 4 × 1 = 16 GPUs, but an instance has 12";
    ensure!(finished.stderr.contains(message), "{finished}");
    ensure!(!workdir.run().exists(), "it began");
    Ok(())
}

#[test]
fn ray_is_complete_before_vllm_starts_and_a_lost_worker_is_named() -> Result<()> {
    let Some(ray) = ray("ray_is_complete_before_vllm_starts_and_a_lost_worker_is_named")? else {
        return Ok(());
    };
    let workdir = Workdir::new()?;
    let vllm = VllmStandIn::over_ray(&workdir, &ray)?;
    let recipe = vllm.recipe_over_ray(&ray)?.service("restart", "{max: 0}");
    let running = workdir.bench(&recipe)?.limit(RAY_RUN).start()?;
    // That of the first node knows that it is.
    let is_workers =
        |process: &Process| process.command.contains("/raylet ") && !process.command.contains("--head");
    kill_in_trial(&workdir, 2, RAY_START, is_workers)?;
    let finished = running.wait()?.expect_code(1)?;
    workdir.expect_no_process(SETTLE)?;
    let log = events(&workdir.run())?;
    // vLLM found what was there when it started: a worker on each of two nodes, and nobody's but this run's.
    let seen = vllm.seen()?;
    assert_eq!(seen["nodes"], 2, "{seen}");
    assert_ne!(seen["workers"][0][0], seen["workers"][1][0], "{seen}");
    let arguments = seen["arguments"].to_string();
    ensure!(
        arguments.contains(r#""--distributed-executor-backend","ray""#),
        "{arguments}"
    );
    // What only the processes of the instance, and what only the run's agents know.
    for name in ["token", "key"] {
        let secret = seen[name].as_str().context("no secret")?;
        assert_eq!(secret.len(), 64);
        expect_no_file_with(secret, &workdir.run(), &[])?;
    }
    assert_eq!(data(&log, "service.ready")?["instance"], "server-1-0");
    names(&log, "trial.completed", &[])?;
    names(
        &log,
        "trial.failed",
        &["service server-1-0, its process server-2-0 on server-2, ended in the middle"],
    )?;
    let trial = &trials(&workdir.run())?[0];
    ensure!(count(trial, "/requests/ok")? > 0, "{finished}");
    let left: Vec<_> = fs::read_dir("/tmp")?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| fs::read_link(path).is_ok_and(|target| target.starts_with(workdir.path())))
        .collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}
