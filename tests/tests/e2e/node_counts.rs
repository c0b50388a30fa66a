//! A sweep over numbers of nodes: one run, each of whose trials uses the first nodes of each role.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::sound::expect_sound;
use hpcbench_tests::summary::{count, trials};
use hpcbench_tests::{Recipe, Workdir, events, history, of_type, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

const START: Duration = Duration::from_secs(30);
const SWEEP: &str = "{matrix: {nodes.servers.count: [1, 2], nodes.clients.count: [1, 2]}}";

/// What a trial is to have used: its parameters first.
struct Wanted {
    servers: u64,
    clients: u64,
    instances: &'static [&'static str],
    from: &'static [&'static str],
}

/// The trials of the sweep, in their order.
const WANTED: [Wanted; 4] = [
    Wanted {
        servers: 1,
        clients: 1,
        instances: &["server-1-0"],
        from: &["client-1"],
    },
    Wanted {
        servers: 1,
        clients: 2,
        instances: &["server-1-0"],
        from: &["client-1", "client-2"],
    },
    Wanted {
        servers: 2,
        clients: 1,
        instances: &["server-1-0", "server-2-0"],
        from: &["client-1"],
    },
    Wanted {
        servers: 2,
        clients: 2,
        instances: &["server-1-0", "server-2-0"],
        from: &["client-1", "client-2"],
    },
];

fn recipe() -> Recipe {
    // What the recipe says beside the sweep counts for nothing.
    Recipe::simulated()
        .top("nodes", "{servers: {count: 1}, clients: {count: 4}}")
        .top("sweep", SWEEP)
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Whose records there are of a trial's only attempt.
fn records(run: &Path, trial: &str) -> Result<BTreeSet<String>> {
    let folder = run.join("records").join(trial).join("1");
    let files = fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let names = files.iter().map(fs::DirEntry::path);
    let tables = names.filter(|path| path.extension().is_some_and(|ending| ending == "parquet"));
    let names = tables.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    Ok(names.collect())
}

fn expect_its_nodes(run: &Path, trial: &Value, wanted: &Wanted, events: &[Value]) -> Result<()> {
    let id = trial["id"].as_str().context("no id")?;
    let parameters = &trial["parameters"];
    ensure!(
        parameters["nodes.servers.count"] == wanted.servers
            && parameters["nodes.clients.count"] == wanted.clients,
        "{trial}"
    );
    assert_eq!(count(trial, "/requests/ok")?, 200, "{trial}");
    // One endpoint has no numbers of its own.
    let endpoints: Vec<&Value> = trial["endpoints"].as_array().into_iter().flatten().collect();
    let instances: Vec<&str> = endpoints
        .iter()
        .filter_map(|one| one["instance"].as_str())
        .collect();
    let several = Some(wanted.instances).filter(|instances| instances.len() > 1);
    assert_eq!(instances, several.unwrap_or_default(), "{trial}");
    for endpoint in endpoints {
        let each = 200 / wanted.servers;
        ensure!(count(endpoint, "/requests/ok")?.abs_diff(each) <= 6, "{endpoint}");
    }
    let from: BTreeSet<String> = wanted.from.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(records(run, id)?, from, "{trial}");
    let of_trial = |kind: &str| -> Vec<&Value> {
        let all = of_type(events, kind).into_iter().map(|event| &event["data"]);
        all.filter(|data| data["trial"] == id).collect()
    };
    let started = of_trial("trial.started");
    ensure!(
        started.len() == 1 && texts(&started[0]["clients"]) == wanted.from,
        "{started:?}"
    );
    let shares = of_trial("share.reported");
    let shares: BTreeSet<&str> = shares.iter().filter_map(|share| share["node"].as_str()).collect();
    assert_eq!(shares, wanted.from.iter().copied().collect());
    let observed = of_trial("service.observed");
    let observed: BTreeSet<String> = observed
        .iter()
        .filter_map(|data| Some(format!("{}-0", data["node"].as_str()?)))
        .collect();
    ensure!(observed.iter().eq(wanted.instances), "{observed:?}");
    Ok(())
}

#[test]
fn each_trial_of_one_run_uses_as_many_nodes_as_it_says() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = recipe().workload("duration", "null").workload("requests", "200");
    let file = workdir.write("recipe.yaml", &recipe.text())?;
    let planned = workdir.hpcbench()?.arg("plan").arg(&file).run()?.expect_code(0)?;
    for words in [
        "client-2 (client)\nEach trial uses the first",
        "1 on server-1",
        "servers.count=2, clients.count=1",
    ] {
        ensure!(planned.stdout.contains(words), "no {words:?}: {planned}");
    }
    let finished = workdir.bench(&recipe)?.run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let run = workdir.run();
    let events = events(&run)?;
    let trials = trials(&run)?;
    assert_eq!(trials.len(), WANTED.len(), "{finished}");
    for (trial, wanted) in trials.iter().zip(&WANTED) {
        expect_its_nodes(&run, trial, wanted, &events)?;
    }
    // All agents are there from the beginning, and the instance that all trials use is started once.
    assert_eq!(of_type(&events, "node.joined").len(), 5, "{finished}");
    let launched = of_type(&events, "service.launched");
    let launched: Vec<&str> = launched
        .iter()
        .filter_map(|event| event["data"]["instance"].as_str())
        .collect();
    assert_eq!(launched, ["server-1-0", "server-2-0"], "{finished}");
    let ended = of_type(&events, "service.exited");
    let ended = ended.iter().map(|event| event["data"]["expected"] == true);
    assert_eq!(ended.collect::<Vec<_>>(), [true, true], "{finished}");
    // A start belongs to the configuration that asked for it.
    let summary = hpcbench_tests::summary::read(&run)?;
    let starts = summary["service_starts"].as_array().context("no starts")?;
    let starts: Vec<(&str, u64)> = starts
        .iter()
        .filter_map(|start| Some((start["instance"].as_str()?, start["service"].as_u64()?)))
        .collect();
    assert_eq!(starts, [("server-1-0", 0), ("server-2-0", 1)], "{summary}");
    let status = workdir
        .hpcbench()?
        .args(["status", "--format", "json"])
        .arg(&run)
        .run()?;
    let status = status.expect_code(0)?.json()?;
    assert_eq!(status["trials"]["completed"], 4, "{status}");
    expect_sound(&workdir, WANTED.len(), &history(&workdir.run())?)
}

fn signal(workdir: &Workdir, what: &str, signal: Signal) -> Result<()> {
    let processes = workdir.processes()?;
    let found = processes.iter().find(|process| process.command.contains(what));
    found.with_context(|| format!("no {what}"))?.signal(signal)
}

fn load_of(workdir: &Workdir, number: usize) -> Result<()> {
    wait_until(START, "the load", || {
        let events = events(&workdir.run()).unwrap_or_default();
        Ok((of_type(&events, "load.started").len() >= number).then_some(()))
    })
}

/// Nodes that the first trial does not use are killed in the middle of it; later the whole run is killed and resumed.
#[test]
fn nodes_that_a_trial_does_not_use_may_be_lost_and_the_run_resumed() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = workdir.bench(&recipe().workload("duration", "2s"))?.start()?;
    load_of(&workdir, 1)?;
    for node in ["--node client-2", "--node server-2"] {
        signal(&workdir, node, Signal::SIGKILL)?;
    }
    load_of(&workdir, 3)?;
    running.signal(Signal::SIGKILL)?;
    running.wait()?;
    let heard = history(&workdir.run())?;
    let resumed = workdir.resume()?.run()?;
    ensure!(matches!(resumed.code, Some(0 | 1)), "{resumed}");
    let events = events(&workdir.run())?;
    let lost = of_type(&events, "node.lost");
    let lost: BTreeSet<&str> = lost
        .iter()
        .filter_map(|event| event["data"]["node"].as_str())
        .collect();
    assert_eq!(lost, BTreeSet::from(["client-2", "server-2"]), "{resumed}");
    let attempts = |kind: &str| -> Vec<u64> {
        let all = of_type(&events, kind);
        all.iter()
            .filter_map(|event| event["data"]["attempt"].as_u64())
            .collect()
    };
    assert_eq!(attempts("trial.interrupted"), [1], "{resumed}");
    assert_eq!(attempts("trial.completed"), [1, 1, 2, 1], "{resumed}");
    let clients = of_type(&events, "trial.started");
    let clients = clients.iter().map(|event| texts(&event["data"]["clients"]).len());
    assert_eq!(clients.collect::<Vec<_>>(), [1, 2, 1, 1, 2], "{resumed}");
    // The trials that are left all need the second server: the first epoch's service is not started again.
    let after = events.iter().skip_while(|event| event["type"] != "run.resumed");
    let asked = after.filter(|event| event["type"] == "service.requested");
    let asked: Vec<&str> = asked
        .filter_map(|event| event["data"]["instance"].as_str())
        .collect();
    assert_eq!(asked, ["server-1-0", "server-2-0"], "{resumed}");
    expect_sound(&workdir, WANTED.len(), &heard)
}
