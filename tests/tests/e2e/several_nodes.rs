//! Several nodes of a role: here as processes of one machine, which share the load as they would on a cluster.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::{count, number, trials};
use hpcbench_tests::{Recipe, Workdir, events, of_type, terminal, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::recomputed::python;

const START: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(15);
/// Prints client, endpoint and number of requests for each pair that the records name.
const COUNT: &str = "
import collections, pathlib, pyarrow.parquet, sys
for path in sorted(pathlib.Path(sys.argv[1]).glob('records/*/*/*.parquet')):
    column = pyarrow.parquet.read_table(path, columns=['endpoint'])['endpoint']
    for endpoint, requests in sorted(collections.Counter(column.to_pylist()).items()):
        print(path.stem, endpoint, requests)
";

fn recipe(clients: u32) -> Recipe {
    Recipe::simulated().top(
        "nodes",
        &format!("{{servers: {{count: 2, instances_per_node: 2}}, clients: {{count: {clients}}}}}"),
    )
}

/// Requests by client and endpoint, as the records have them; none where nothing on this machine reads them.
fn requests(run: &Path) -> Result<Option<BTreeMap<(String, String), u64>>> {
    let Some(python) = python("several_nodes")? else {
        return Ok(None);
    };
    let counted = Command::new(python).args(["-c", COUNT]).arg(run).output()?;
    ensure!(
        counted.status.success(),
        "{}",
        String::from_utf8_lossy(&counted.stderr)
    );
    let text = String::from_utf8(counted.stdout)?;
    let line = |line: &str| {
        let [client, endpoint, requests] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            anyhow::bail!("not three words: {line}");
        };
        Ok(((client.to_owned(), endpoint.to_owned()), requests.parse()?))
    };
    Ok(Some(text.lines().map(line).collect::<Result<_>>()?))
}

fn sums(requests: &BTreeMap<(String, String), u64>, of: fn(&(String, String)) -> &String) -> Vec<u64> {
    let mut sums: BTreeMap<&String, u64> = BTreeMap::new();
    for (pair, requests) in requests {
        *sums.entry(of(pair)).or_default() += requests;
    }
    sums.into_values().collect()
}

/// Each endpoint has numbers of its own, under the name of its instance, and together they are the trial's.
fn endpoints_add_up(trial: &Value, urls: &std::collections::BTreeSet<String>) -> Result<()> {
    let endpoints = trial["endpoints"].as_array().context("no endpoints")?;
    let found = endpoints.iter().filter_map(|endpoint| endpoint["url"].as_str());
    assert_eq!(
        found
            .map(str::to_owned)
            .collect::<std::collections::BTreeSet<_>>(),
        *urls
    );
    let instances: Vec<&str> = endpoints
        .iter()
        .filter_map(|endpoint| endpoint["instance"].as_str())
        .collect();
    assert_eq!(
        instances,
        ["server-1-0", "server-1-1", "server-2-0", "server-2-1"]
    );
    let sum =
        |pointer: &str| -> Result<u64> { endpoints.iter().map(|endpoint| count(endpoint, pointer)).sum() };
    assert_eq!(sum("/requests/ok")?, count(trial, "/requests/ok")?);
    assert_eq!(sum("/ttft/count")?, count(trial, "/metrics/ttft/count")?);
    assert_eq!(sum("/output_tokens")?, count(trial, "/output_tokens")?);
    Ok(())
}

#[test]
fn clients_share_the_load_exactly_and_spread_it_over_all_instances() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = recipe(3)
        .workload("load", "{shape: closed, concurrency: 7}")
        .workload("duration", "null")
        .workload("requests", "200");
    let finished = workdir.bench(&recipe)?.run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let run = workdir.run();
    let events = events(&run)?;
    assert_eq!(of_type(&events, "node.joined").len(), 6, "{finished}");
    let ready = of_type(&events, "service.ready");
    let urls: std::collections::BTreeSet<String> = ready
        .iter()
        .filter_map(|event| Some(event["data"]["endpoints"][0].as_str()?.to_owned()))
        .collect();
    assert_eq!(urls.len(), 4, "an instance has another's address\n{finished}");
    let trial = trials(&run)?.remove(0);
    assert_eq!(count(&trial, "/requests/ok")?, 200, "{finished}");
    endpoints_add_up(&trial, &urls)?;
    // Each client is a process of its own; that they answer takes some time, and less than the run.
    let start_error = number(&trial, "/start_error_seconds")?;
    ensure!(
        start_error > 0.0 && start_error < 10.0,
        "{start_error}\n{finished}"
    );
    ensure!(finished.stdout.contains("all began within"), "{finished}");
    ensure!(finished.stdout.contains("4 endpoints: each got"), "{finished}");
    if let Some(requests) = requests(&run)? {
        let mut shares = sums(&requests, |(client, _)| client);
        shares.sort_unstable();
        assert_eq!(shares, [66, 67, 67], "{requests:?}");
        let endpoints = sums(&requests, |(_, endpoint)| endpoint);
        assert_eq!(endpoints.len(), 4, "{requests:?}");
        // Each of the clients' threads may be one request ahead with some of them.
        ensure!(
            endpoints.iter().all(|sum| (47..=53).contains(sum)),
            "{requests:?}"
        );
    }
    let verified = workdir.hpcbench()?.arg("verify").arg(&run).run()?;
    verified.expect_code(0)?;
    workdir.expect_no_process(SETTLE)
}

#[test]
fn a_client_that_is_killed_costs_an_attempt_and_no_more() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = workdir.bench(&recipe(2).workload("duration", "4s"))?.start()?;
    wait_until(START, "the load", || {
        let events = events(&workdir.run()).unwrap_or_default();
        Ok((!of_type(&events, "load.started").is_empty()).then_some(()))
    })?;
    std::thread::sleep(Duration::from_secs(1));
    let processes = workdir.processes()?;
    let client = processes
        .iter()
        .find(|process| process.command.contains("--node client-2"))
        .context("no second client")?;
    client.signal(Signal::SIGKILL)?;
    let finished = running.wait()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let events = events(&workdir.run())?;
    let lost = of_type(&events, "node.lost");
    ensure!(
        lost.len() == 1 && lost[0]["data"]["node"] == "client-2",
        "{lost:?}\n{finished}"
    );
    let interrupted = of_type(&events, "trial.interrupted");
    ensure!(
        interrupted.len() == 1 && reason(interrupted[0]).contains("client-2"),
        "{interrupted:?}\n{finished}"
    );
    let completed = of_type(&events, "trial.completed");
    ensure!(
        completed.len() == 1 && completed[0]["data"]["attempt"] == 2,
        "{completed:?}\n{finished}"
    );
    // The services have nothing to do with it.
    assert_eq!(of_type(&events, "service.launched").len(), 4, "{finished}");
    let verified = workdir.hpcbench()?.arg("verify").arg(workdir.run()).run()?;
    verified.expect_code(0)?;
    workdir.expect_no_process(SETTLE)
}

#[test]
fn a_node_that_has_less_than_the_recipe_asks_for_says_what() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated().top("nodes", "{servers: {gpus: 64}}");
    let finished = workdir.bench(&recipe)?.run()?.expect_code(3)?;
    let events = events(&workdir.run())?;
    let end = terminal(&events).context("no end")?;
    ensure!(
        reason(end).contains("nodes.servers.gpus asks for 64 GPUs"),
        "{end}\n{finished}"
    );
    ensure!(of_type(&events, "trial.started").is_empty(), "{finished}");
    workdir.expect_no_process(SETTLE)
}

fn reason(event: &Value) -> &str {
    event["data"]["reason"].as_str().unwrap_or_default()
}
