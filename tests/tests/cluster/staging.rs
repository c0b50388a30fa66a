//! Images and models on the nodes' own disks, and secrets that only a service sees.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{
    Apptainer, Cluster, LlamaImage, Process, Profile, Recipe, Submission, binary, expect_no_file_with,
    of_type, processes_of, summary,
};

use serde_json::Value;

use crate::SOON;
use crate::containers::site;
use crate::submit::RUN;

const SECRET: &str = "sk-0123456789abcdefSECRET";

/// The secret is in no file below this folder, but for the user's own.
fn expect_no_secret(folder: &Path) -> Result<()> {
    expect_no_file_with(SECRET, folder, &["key"])
}

/// The clients' agent sees the files of the image, which this machine does not have.
fn expect_a_client_in_its_image(processes: &[Process]) -> Result<()> {
    let program = binary()?.display().to_string();
    let agent = processes.iter().find(|process| {
        process.command.starts_with(&format!("{program} agent ")) && process.command.contains("--role client")
    });
    let agent = agent.with_context(|| format!("no agent among {processes:#?}"))?;
    let server = format!("/proc/{}/root/usr/bin/llama-server", agent.pid);
    ensure!(Path::new(&server).exists(), "no {server}: {agent:?}");
    Ok(())
}

/// The server ran from copies of image and model, and the log says so.
fn expect_copies(events: &[Value], llama: &LlamaImage) -> Result<()> {
    let launched = of_type(events, "service.launched");
    let launched = &launched.first().context("nothing was launched")?["data"];
    let image = &launched["image"];
    ensure!(image["path"] == llama.image.to_string_lossy().as_ref(), "{image}");
    let digest = image["sha256"].as_str().context("no digest")?;
    let copy = image["copy"].as_str().context("no copy")?;
    ensure!(
        copy.starts_with("/tmp/hpcbench-") && copy.ends_with(&format!("/{digest}.sif")),
        "{image}"
    );
    let command = launched["command"].to_string();
    ensure!(command.contains(copy), "it did not run from the copy: {command}");
    let model = llama.model.display().to_string();
    ensure!(
        !command.contains(&model) && command.contains("/models/"),
        "{command}"
    );
    // Without GPUs nothing of them is asked for.
    ensure!(
        !command.contains("\"--nv\"") && command.contains("\"--writable-tmpfs\""),
        "{command}"
    );
    Ok(())
}

/// The way from the client to the server was measured once, over the network between the nodes.
fn expect_a_measured_link(events: &[Value]) -> Result<()> {
    let links: Vec<_> = of_type(events, "client.connected")
        .iter()
        .flat_map(|event| event["data"]["links"].as_array().into_iter().flatten())
        .collect();
    let [link] = links.as_slice() else {
        anyhow::bail!("links: {links:?}");
    };
    ensure!(
        link["node"] == "server"
            && link["address"]
                .as_str()
                .is_some_and(|address| address.starts_with("10.77.0.")),
        "{link}"
    );
    let measured = |key: &str| link[key].as_f64().unwrap_or_default();
    ensure!(
        measured("rtt_seconds") > 0.0 && measured("bits_per_second") > 1e6 && measured("seconds") >= 1.0,
        "{link}"
    );
    for joined in of_type(events, "node.joined") {
        let facts = &joined["data"]["facts"];
        ensure!(facts["interface"] == "eth0", "{joined}");
        // The place of its own node, inside of an image, too.
        ensure!(
            joined["data"]["role"] == "orchestrator" || facts["topology"].is_string(),
            "{joined}"
        );
        // Each node has told what its scratch directory is on.
        ensure!(
            facts["scratch"]["kind"].is_string() && facts["scratch"]["free_bytes"].as_u64() > Some(0),
            "{joined}"
        );
    }
    Ok(())
}

#[test]
fn a_server_runs_from_its_nodes_disk_with_a_secret_that_is_nowhere_else() -> Result<()> {
    let test = "a_server_runs_from_its_nodes_disk_with_a_secret_that_is_nowhere_else";
    let Some(apptainer) = Apptainer::get(test)? else {
        return Ok(());
    };
    let Some(llama) = LlamaImage::get(test, &apptainer)? else {
        return Ok(());
    };
    // Apptainer has to do without root here, as everywhere.
    let Some(cluster) = Cluster::up(test, Profile::Site)? else {
        return Ok(());
    };
    site(&cluster, &apptainer)?;
    let recipe = Recipe::of("llama-cpp")
        .service("model", "tiny")
        .service("image", &format!("{{path: \"{}\"}}", llama.image.display()))
        .service(
            "options",
            &format!(
                "{{model_path: \"{}\", slots: 2, context: 1024, threads: 1}}",
                llama.model.display()
            ),
        )
        // The server asks for it, so that clients have to have it, too.
        .service("secrets", "{LLAMA_API_KEY: {file: key}}")
        .service("health", "{timeout: 60s, interval: 100ms}")
        .workload("load", "{shape: closed, concurrency: 2}")
        .workload("duration", "3s")
        .top(
            "nodes",
            // Any image will do for clients: they bring their program along.
            &format!(
                "{{servers: {{count: 1}}, clients: {{count: 1, image: \"{}\"}}}}",
                llama.image.display()
            ),
        )
        .top("storage", "{stage_image: true, stage_model: true}")
        .top(
            "launch",
            "{mode: slurm, site: testbed, partition: cpu, account: p200001, exclusive: true, time_limit: \"00:05:00\"}",
        );
    let submission = Submission::of(&cluster, &recipe)?;
    submission.workdir().write("key", &format!("{SECRET}\n"))?;
    let job = submission.submit()?;
    submission.wait_events(1, "load.started", RUN)?;
    // While whoever has it runs.
    let processes = processes_of(submission.workdir().path())?;
    // In their environment, which is their own, and not among their arguments, which everybody may read.
    let having = processes_of(Path::new(SECRET))?;
    ensure!(
        having
            .iter()
            .any(|process| process.command.contains("llama-server")),
        "the server has no secret: {having:#?}"
    );
    for process in processes.iter().chain(&having) {
        ensure!(!process.command.contains(SECRET), "{process:?}");
    }
    expect_a_client_in_its_image(&processes)?;
    for node in 1..=5 {
        expect_no_secret(&cluster.local_tmp(&format!("node{node}")))?;
    }
    submission.wait_end(&job, RUN)?;
    let events = submission.events()?;
    expect_copies(&events, &llama)?;
    expect_a_measured_link(&events)?;
    for trial in summary::trials(&submission.run())? {
        ensure!(
            summary::count(&trial, "/requests/ok")? > 0 && summary::count(&trial, "/requests/error")? == 0,
            "{trial:#}"
        );
    }
    expect_no_secret(submission.workdir().path())?;
    cluster.wait_job(&job, &["COMPLETED", "FAILED"], SOON)?;
    submission.expect_nothing_left()
}
