//! Small jobs: images and models are fetched, partitions are looked at.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Apptainer, Cluster, Finished, Profile, Recipe, Workdir, oci_archive, stand_in};
use serde_json::Value;

/// The longest that a small job may take here.
const LIMIT: Duration = Duration::from_mins(2);

/// A site whose jobs find the programs in these folders.
fn site(workdir: &Workdir, compute: bool, folders: &[String]) -> Result<String> {
    let text = format!(
        "description: the test cluster\npartitions: {{servers: main, clients: main}}\n\
         internet: {{login: false, compute: {compute}}}\npreamble: ['export PATH={}:$PATH']\n",
        folders.join(":")
    );
    let path = workdir.write("site.yaml", &text)?;
    Ok(path.display().to_string())
}

fn fetch(cluster: &Cluster, workdir: &Workdir, what: &str, more: &[&str]) -> Result<Finished> {
    let fetch = cluster
        .hpcbench(workdir)?
        .args([what, "pull", "recipe.yaml", "--submit"]);
    fetch.args(more).limit(LIMIT).run()
}

#[test]
fn what_a_recipe_needs_is_fetched_by_a_job() -> Result<()> {
    let test = "what_a_recipe_needs_is_fetched_by_a_job";
    let Some(apptainer) = Apptainer::get(test)? else {
        return Ok(());
    };
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    oci_archive(&workdir, "archive.tar", "text")?;
    let hf = "[ \"$*\" != --help ] || exit 0\nhostname > \"$HF_HOME/where\"\n";
    let hf = stand_in(&workdir, "hf", hf)?;
    let folder = |program: &std::path::Path| program.parent().map(|path| path.display().to_string());
    let folders = [apptainer.program(), &hf].map(|program| folder(program).unwrap_or_default());
    let models = workdir.path().join("models");
    let site_file = site(&workdir, true, &folders)?;
    let recipe = Recipe::of("vllm")
        .service("model", "org/model")
        .service("options", &format!("{{hf_home: {}}}", models.display()))
        .top("launch", &format!("{{mode: slurm, site: {site_file}}}"));
    workdir.write("recipe.yaml", &recipe.text())?;
    let fetched = fetch(&cluster, &workdir, "models", &[])?.expect_code(0)?;
    ensure!(fetched.stderr.contains("org/model is in "), "{fetched}");
    let host = fs::read_to_string(models.join("where"))?;
    ensure!(host.starts_with("node"), "fetched on {host}");

    let recipe = recipe.service(
        "image",
        "{path: images/a.sif, source: \"oci-archive:archive.tar\"}",
    );
    workdir.write("recipe.yaml", &recipe.text())?;
    let fetched = fetch(&cluster, &workdir, "images", &[])?.expect_code(0)?;
    ensure!(fetched.stdout.contains("images/a.sif  sha256:"), "{fetched}");
    ensure!(workdir.path().join("images/a.sif").exists());
    // Nobody waits in a queue for what is there.
    let again = fetch(&cluster, &workdir, "images", &[])?.expect_code(0)?;
    ensure!(
        !again.stderr.contains("submitted job") && again.stdout == fetched.stdout,
        "{again}"
    );

    // What goes wrong in the job is told here.
    fs::remove_file(workdir.path().join("archive.tar"))?;
    let failed = fetch(&cluster, &workdir, "images", &["--force"])?.expect_code(3)?;
    ensure!(
        failed.stderr.contains("failed to fetch oci-archive:archive.tar")
            && failed.stderr.contains("ended as failed"),
        "{failed}"
    );
    let refused = fetch(
        &cluster,
        &workdir,
        "images",
        &["--force", "--partition", "nowhere"],
    )?
    .expect_code(3)?;
    ensure!(
        refused.stderr.contains("invalid partition specified: nowhere"),
        "{refused}"
    );
    site(&workdir, false, &folders)?;
    let offline = fetch(&cluster, &workdir, "models", &[])?.expect_code(3)?;
    ensure!(
        offline.stderr.contains("compute nodes have no internet"),
        "{offline}"
    );
    Ok(())
}

#[test]
fn doctor_looks_at_each_partition_and_drafts_a_site_file() -> Result<()> {
    let test = "doctor_looks_at_each_partition_and_drafts_a_site_file";
    let Some(cluster) = Cluster::up(test, Profile::Site)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    let doctor = || -> Result<_> {
        Ok(cluster
            .hpcbench(&workdir)?
            .args(["doctor", "--submit"])
            .limit(LIMIT))
    };
    let found = doctor()?
        .args(["--account", "p200001", "--format", "json"])
        .run()?;
    ensure!(found.code == Some(0), "{found}");
    let found = found.json()?;
    let partitions = found["partitions"].as_array().context("no partitions")?;
    let names: Vec<&Value> = partitions.iter().map(|one| &one["partition"]).collect();
    assert_eq!(names, ["cpu", "gpu", "requeued", "suspended"]);
    for one in partitions {
        let node = &one["found"]["node"];
        assert_eq!(node["chosen"], "eth0", "{one}");
        assert_eq!(node["internet"], false, "{one}");
        let checks = one["found"]["checks"].as_array().context("no checks")?;
        for name in [
            "nats-server",
            "open files",
            "memory",
            "network",
            "scratch directory",
            "containers",
            "GPUs",
        ] {
            ensure!(
                checks.iter().any(|check| check["name"] == name),
                "no {name} in {one}"
            );
        }
    }
    let gpus = |index: usize| &partitions[index]["found"]["node"]["gpus"];
    assert_eq!(
        (gpus(0), gpus(1)),
        (&serde_json::json!([]), &serde_json::json!(["0"]))
    );
    ensure!(
        workdir.runs().join("jobs").read_dir()?.next().is_none(),
        "files of jobs are left"
    );

    // The draft is a site file that recipes can use.
    let draft = found["site"].as_str().context("no site")?;
    for line in [
        "  servers: gpu\n",
        "  clients: cpu\n",
        "account_required: true\n",
        "gpu_request: gres ",
        "interface: eth0 ",
    ] {
        ensure!(draft.contains(line), "no {line:?} in\n{draft}");
    }
    let site = workdir.write("drafted.yaml", draft)?;
    let launch = format!("{{mode: slurm, account: p200001, site: {}}}", site.display());
    let recipe = Recipe::simulated().top("launch", &launch);
    let recipe = recipe.top("nodes", "{servers: {gpus: 1}}");
    workdir.write("recipe.yaml", &recipe.text())?;
    let plan = cluster
        .hpcbench(&workdir)?
        .args(["plan", "recipe.yaml", "--job-script"]);
    let plan = plan.run()?.expect_code(0)?;
    ensure!(
        plan.stdout.contains("--partition=gpu") && plan.stdout.contains("--gres=gpu:1"),
        "{plan}"
    );

    // Without an account nothing can be found out, and that is told.
    let refused = doctor()?.args(["--partition", "cpu"]).run()?.expect_code(3)?;
    ensure!(refused.stderr.contains("Invalid account"), "{refused}");
    let unknown = doctor()?.args(["--partition", "nowhere"]).run()?.expect_code(2)?;
    ensure!(
        unknown.stderr.contains("cpu, gpu, requeued, suspended"),
        "{unknown}"
    );
    Ok(())
}
