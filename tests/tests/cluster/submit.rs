//! A recipe as a job of five nodes, from its submission to its report.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::sound::expect_verified;
use hpcbench_tests::{
    Cluster, Process, Profile, Recipe, Submission, data, of_type, processes_of, summary, terminal,
};
use serde_json::Value;

use crate::SOON;

/// How long a run of some seconds may take on a busy machine, with the time that its job waits.
pub(crate) const RUN: Duration = Duration::from_secs(90);

/// Two slow tokens a request, so that the clients of a busy machine keep up.
pub(crate) fn slow() -> Recipe {
    Recipe::simulated()
        .service("options", "{ttft: 100ms, itl: 100ms}")
        .workload("load", "{shape: closed, concurrency: 16}")
        .workload(
            "prompts",
            "{source: synthetic, input_tokens: 16, output_tokens: 2}",
        )
        .workload("duration", "4s")
        .on_five_nodes()
}

/// So many trials of two seconds each.
pub(crate) fn sweep(trials: u32) -> Recipe {
    slow()
        .workload("duration", "2s")
        .top("sweep", &format!("{{repetitions: {trials}}}"))
}

/// The value at this place of an event's data, as a text.
fn text<'v>(value: &'v Value, pointer: &str) -> Result<&'v str> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.with_context(|| format!("no text at {pointer} of {value}"))
}

#[test]
fn a_submitted_run_has_its_five_nodes_and_is_followed_from_the_login_node() -> Result<()> {
    let test = "a_submitted_run_has_its_five_nodes_and_is_followed_from_the_login_node";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let marker = cluster.home().join("of-a-module");
    let (recipe, has_module) = with_module(&cluster, slow(), test, &marker)?;
    let submission = Submission::of(&cluster, &recipe)?;
    let job = submission.submit()?;
    let watching = submission
        .with_run("watch")?
        .args(["--format", "json"])
        .limit(RUN)
        .start()?;
    submission.wait_events(1, "load.started", RUN)?;
    expect_known_while_it_runs(&submission, &job)?;
    if has_module {
        expect_of_the_module(&marker)?;
    }
    let ended = submission.wait_end(&job, RUN)?;
    let events = submission.events()?;
    let limit = cluster
        .on_login(submission.workdir())
        .args(["bash", "-c", "ulimit -Hn"]);
    expect_five_nodes(&events, limit.run()?.stdout.trim().parse()?)?;
    expect_the_job_in_the_log(&events, &job)?;
    let code = &terminal(&events)?["data"]["exit_code"];
    // Slurm shows what the program said.
    let state = if *code == 0 { "COMPLETED" } else { "FAILED" };
    ensure!(ended.state == state, "exit code {code}, and the job is {ended:?}");
    for trial in summary::trials(&submission.run())? {
        // Whether clients keep up is a matter of what else this machine does.
        ensure!(trial["verdict"]["status"] != "invalid", "{trial:#}");
        ensure!(
            summary::count(&trial, "/requests/ok")? > 30 && summary::count(&trial, "/requests/error")? == 0,
            "{trial:#}"
        );
    }
    let watched = watching.wait()?;
    ensure!(
        *code == watched.code.unwrap_or(-1) && watched.stdout.lines().count() == events.len(),
        "watched {} of {} events, exit code {:?}",
        watched.stdout.lines().count(),
        events.len(),
        watched.code
    );
    expect_verified(submission.workdir())?;
    let status = submission.status()?;
    ensure!(
        status["state"] == "completed" && status["job"] == job.as_str(),
        "{status:#}"
    );
    submission.expect_nothing_left()
}

/// The recipe with a module that puts the marker into a variable which services inherit. Without Environment Modules on this machine
/// the recipe is as it was, and what is not tested is noted.
fn with_module(cluster: &Cluster, recipe: Recipe, test: &str, marker: &Path) -> Result<(Recipe, bool)> {
    if !Path::new("/usr/share/modules/init/sh").exists() {
        let reason =
            "no module is loaded: no environment-modules; tests/harness/prerequisites.sh installs it";
        hpcbench_tests::skip(test, reason);
        return Ok((recipe, false));
    }
    let module = cluster.home().join("module");
    let text = format!("#%Module1.0\nprepend-path LD_LIBRARY_PATH {}\n", marker.display());
    fs::write(&module, text)?;
    let launch = format!(
        "{{mode: slurm, time_limit: \"00:05:00\", modules: [\"{}\"]}}",
        module.display()
    );
    Ok((recipe.top("launch", &launch), true))
}

/// What the module sets is there for the job, its steps and their services.
fn expect_of_the_module(marker: &Path) -> Result<()> {
    let having = processes_of(marker)?;
    for subcommand in ["job", "agent", "simulate"] {
        let has = |process: &Process| process.command.split(' ').nth(1) == Some(subcommand);
        ensure!(
            having.iter().any(has),
            "no {subcommand} has the module's variable: {having:#?}"
        );
    }
    Ok(())
}

/// Status and list, while the job runs.
fn expect_known_while_it_runs(submission: &Submission<'_>, job: &str) -> Result<()> {
    let status = submission.status()?;
    ensure!(status["state"] == "running" && status["job"] == job, "{status:#}");
    let words = text(&status, "/job_state")?;
    ensure!(words == format!("job {job} is running"), "{words}");
    let nodes = status["nodes"].as_array().context("no nodes")?;
    ensure!(nodes.iter().all(|node| node["state"] == "joined"), "{nodes:#?}");
    let list = submission.cluster().hpcbench(submission.workdir())?.arg("list");
    let list = list.args(["--format", "json"]).run()?.expect_code(0)?.json()?;
    let listed = &list["runs"][0];
    ensure!(listed["state"] == "running" && listed["job"] == job, "{list:#}");
    Ok(())
}

/// Each role on hosts of its own, with as many files as the system allows, and GPUs where the servers are and nowhere else.
fn expect_five_nodes(events: &[Value], open_files: u64) -> Result<()> {
    let joined = of_type(events, "node.joined");
    let hosts: BTreeSet<&str> = joined
        .iter()
        .map(|event| text(event, "/data/facts/host"))
        .collect::<Result<_>>()?;
    ensure!(hosts.len() == 5 && joined.len() == 5, "{hosts:?}");
    let started = data(events, "job.started")?;
    for event in joined {
        let (node, role) = (text(event, "/data/node")?, text(event, "/data/role")?);
        let host = text(event, "/data/facts/host")?;
        ensure!(
            started["hosts"][node] == host,
            "{node} is on {host}, and the log says {}",
            started["hosts"]
        );
        let files = event["data"]["facts"]["open_files"].as_u64();
        ensure!(
            files == Some(open_files),
            "{node} may open {files:?} files, not {open_files}"
        );
        let gpus = event["data"]["facts"]["gpus"]
            .as_array()
            .context("no list of GPUs")?;
        let wanted = match role {
            "server" => 1,
            "client" => 0,
            // The batch step, which is not asked what it may use.
            _ => continue,
        };
        ensure!(gpus.len() == wanted, "{node} has the GPUs {gpus:?}");
    }
    let of_role = |role: &str| {
        let joined = of_type(events, "node.joined");
        joined
            .iter()
            .filter(|event| event["data"]["role"] == role)
            .count()
    };
    ensure!(
        (of_role("orchestrator"), of_role("server"), of_role("client")) == (1, 2, 2),
        "not the roles that were asked for"
    );
    Ok(())
}

/// Walltime, time in the queue, hosts, partition and Slurm's version.
fn expect_the_job_in_the_log(events: &[Value], job: &str) -> Result<()> {
    let requested = data(events, "job.requested")?;
    let key = text(requested, "/key")?;
    let command = requested["command"].as_array().context("no command")?;
    ensure!(
        command
            .iter()
            .any(|word| word.as_str() == Some(&format!("--comment={key}"))),
        "the job cannot be found by its key: {command:?}"
    );
    for option in [
        "--export=NIL",
        "--propagate=NONE",
        "--open-mode=append",
        "--mem=0",
        "--no-kill",
        "--requeue",
    ] {
        ensure!(
            command.iter().any(|word| word == option),
            "no {option}: {command:?}"
        );
    }
    let started = data(events, "job.started")?;
    ensure!(started["topology"].is_string(), "{started:#}");
    ensure!(started["job"] == job && started["restarts"] == 0, "{started:#}");
    ensure!(
        started["partitions"] == serde_json::json!(["main"]),
        "{started:#}"
    );
    ensure!(text(started, "/version")?.starts_with("slurm 2"), "{started:#}");
    ensure!(
        text(started, "/tools/nats-server").is_ok_and(|version| !version.is_empty()),
        "{started:#}"
    );
    let [asked, begun] = ["job.requested", "job.started"].map(|kind| of_type(events, kind));
    ensure!(
        begun[0]["causation"].is_u64() && begun[0]["causation"] == asked[0]["seq"],
        "the job does not lead back to who asked for it: {:#}",
        begun[0]
    );
    let time = |pointer: &str| -> Result<String> { Ok(text(started, pointer)?.to_owned()) };
    let (submitted, began, ends) = (time("/submitted_at")?, time("/started_at")?, time("/ends_at")?);
    // RFC 3339 in UTC sorts as it should.
    ensure!(submitted <= began && began < ends, "{started:#}");
    Ok(())
}

#[test]
fn whoever_waits_for_a_submitted_run_gets_its_results_and_exit_code() -> Result<()> {
    let test = "whoever_waits_for_a_submitted_run_gets_its_results_and_exit_code";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let submission = Submission::of(&cluster, &slow().workload("duration", "1s"))?;
    let asked = submission
        .submitting()?
        .arg("--test-only")
        .run()?
        .expect_code(0)?;
    ensure!(
        asked.stdout.contains("5 nodes for 00:05:00, 0.4 node-hours")
            && asked.stdout.contains("would start at 2"),
        "{asked}"
    );
    ensure!(
        !submission.run().exists() && cluster.squeue()?.is_empty(),
        "something was submitted"
    );
    let waited = submission.submitting()?.arg("--wait").limit(RUN).run()?;
    let events = submission.events()?;
    ensure!(
        terminal(&events)?["data"]["exit_code"] == waited.code.unwrap_or(-1),
        "{waited}"
    );
    ensure!(waited.stdout.contains("TTFT"), "no results: {waited}");
    // The run ends a little before its job.
    let job = waited.stdout.lines().next().context("no job id")?;
    submission.wait_end(job, SOON)?;
    submission.expect_nothing_left()
}
