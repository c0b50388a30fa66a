//! Containers in jobs.

use std::fs;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::sound::expect_verified;
use hpcbench_tests::{
    Apptainer, Cluster, LlamaImage, Profile, Recipe, Submission, data, expect_no_file_with, of_type, summary,
};

use crate::SOON;
use crate::submit::RUN;

#[test]
fn a_step_runs_a_real_server_in_a_container() -> Result<()> {
    let test = "a_step_runs_a_real_server_in_a_container";
    let Some(apptainer) = Apptainer::get(test)? else {
        return Ok(());
    };
    let Some(llama) = LlamaImage::get(test, &apptainer)? else {
        return Ok(());
    };
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    // The server on one node, and who asks it on another.
    let script = "#!/bin/bash\n\
        srun -N1 -n1 -w node1 --overlap \"$APPTAINER\" exec --cleanenv --no-home --no-mount cwd --bind \"$MODEL\":/model.gguf:ro \
          \"$IMAGE\" llama-server -m /model.gguf --host 10.77.0.11 --port 8080 --parallel 2 -c 1024 --metrics >server.txt 2>&1 &\n\
        srun -N1 -n1 -w node2 --overlap bash -c '\n\
          for _ in $(seq 300); do\n\
            exec 3<>/dev/tcp/node1/8080 && printf \"GET /health HTTP/1.0\\r\\n\\r\\n\" >&3 && answer=$(cat <&3)\n\
            [[ $answer != *\" 200 OK\"* ]] || break; sleep .1\n\
          done 2>/dev/null\n\
          echo \"$answer\"'\n";
    let script = workdir.write("job.sh", script)?;
    let answer = cluster
        .on_login(&workdir)
        .env("APPTAINER", apptainer.program())
        .env("IMAGE", &llama.image)
        .env("MODEL", &llama.model)
        .args(["salloc", "-N2", "bash"])
        .arg(script)
        .run()?
        .expect_code(0)?;
    ensure!(answer.stdout.contains("HTTP/1.1 200 OK"), "{answer}");
    Ok(())
}

/// A site whose jobs find Apptainer as others find it by a module.
pub(crate) fn site(cluster: &Cluster, apptainer: &Apptainer) -> Result<()> {
    let folder = cluster.home().join(".config/hpcbench/sites");
    fs::create_dir_all(&folder)?;
    let program = apptainer
        .program()
        .parent()
        .context("a program without a folder")?;
    let preamble = format!("preamble: ['export PATH={}:$PATH']\n", program.display());
    Ok(fs::write(folder.join("testbed.yaml"), preamble)?)
}

/// What nobody may read anywhere.
const SECRET: &str = "hf_PxqnWzLkTtRb";

#[test]
fn a_submitted_run_has_real_servers_in_containers() -> Result<()> {
    let test = "a_submitted_run_has_real_servers_in_containers";
    let Some(apptainer) = Apptainer::get(test)? else {
        return Ok(());
    };
    let Some(llama) = LlamaImage::get(test, &apptainer)? else {
        return Ok(());
    };
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    site(&cluster, &apptainer)?;
    let token = cluster.home().join("token");
    fs::write(&token, SECRET)?;
    let recipe = Recipe::of("llama-cpp")
        .service("model", "tiny")
        .service("image", &format!("{{path: \"{}\"}}", llama.image.display()))
        .service(
            "options",
            &format!(
                "{{model_path: \"{}\", slots: 4, context: 1024, threads: 1}}",
                llama.model.display()
            ),
        )
        .service("health", "{timeout: 60s, interval: 100ms}")
        .service(
            "secrets",
            &format!("{{HF_TOKEN: {{file: \"{}\"}}}}", token.display()),
        )
        .workload("duration", "3s")
        .on_five_nodes()
        .top("launch", "{mode: slurm, site: testbed, time_limit: \"00:05:00\"}");
    let submission = Submission::of(&cluster, &recipe)?;
    let waited = submission.submitting()?.arg("--wait").limit(RUN).run()?;
    ensure!(
        matches!(waited.code, Some(0 | 1)),
        "{waited}\n{}",
        submission.diagnosis()
    );
    let events = submission.events()?;
    ensure!(
        of_type(&events, "service.ready").len() == 2,
        "{}",
        submission.diagnosis()
    );
    let command = data(&events, "service.launched")?["command"].to_string();
    for word in [
        "apptainer",
        "exec",
        "--cleanenv",
        "--no-home",
        "--nv",
        "llama-server",
    ] {
        ensure!(
            command.contains(&format!("\"{word}\"")) || command.contains(&format!("/{word}\"")),
            "{command}"
        );
    }
    for trial in summary::trials(&submission.run())? {
        ensure!(trial["verdict"]["status"] != "invalid", "{trial:#}");
    }
    for folder in [
        submission.run(),
        cluster.folder().join("log"),
        cluster.folder().join("state"),
    ] {
        expect_no_file_with(SECRET, &folder, &[])?;
    }
    expect_verified(submission.workdir())?;
    let job = waited.stdout.lines().next().context("no job id")?;
    submission.wait_end(job, SOON)?;
    submission.expect_nothing_left()
}
