//! What remains of a cluster.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Cluster, Profile, processes_of, wait_until, workspace};

use crate::SOON;

/// The network namespaces of the cluster in this folder.
fn namespaces(folder: &Path) -> Result<Vec<String>> {
    let prefix = fs::read_to_string(folder.join("prefix"))?;
    let listed = Command::new("ip").args(["netns", "list"]).output();
    let listed = String::from_utf8(listed.context("cannot run ip")?.stdout)?;
    let own = listed.lines().filter(|line| line.starts_with(prefix.trim()));
    Ok(own.map(str::to_owned).collect())
}

fn expect_nothing(folder: &Path) -> Result<()> {
    let none = wait_until(SOON, "the end of the cluster", || {
        let nothing = processes_of(folder)?.is_empty() && namespaces(folder)?.is_empty();
        Ok(nothing.then_some(()))
    });
    none.with_context(|| format!("left: {:#?} {:?}", processes_of(folder), namespaces(folder)))
}

#[test]
fn nothing_of_a_cluster_outlives_it() -> Result<()> {
    let Some(cluster) = Cluster::up("nothing_of_a_cluster_outlives_it", Profile::Plain)? else {
        return Ok(());
    };
    let folder = cluster.folder().to_owned();
    let workdir = cluster.workdir()?;
    cluster.sbatch(&workdir, &["-N5", "--wrap", "srun -N5 sleep 300"])?;
    let (living, networks) = (processes_of(&folder)?.len(), namespaces(&folder)?.len());
    ensure!(
        living > 10 && networks == 6,
        "a living cluster has {living} processes in {networks} networks"
    );
    drop(cluster);
    expect_nothing(&folder)
}

#[test]
fn a_cluster_ends_with_its_leash() -> Result<()> {
    // To see whether there can be one.
    let Some(cluster) = Cluster::up("a_cluster_ends_with_its_leash", Profile::Plain)? else {
        return Ok(());
    };
    let folder = cluster.folder().with_extension("2");
    drop(cluster);
    let mut started = Command::new(workspace().join("tests/harness/slurm-cluster.sh"))
        .arg("up")
        .arg(&folder)
        .arg("--leash")
        .stdin(Stdio::piped())
        .spawn()?;
    let leash = started.stdin.take();
    ensure!(started.wait()?.success(), "it does not come up");
    ensure!(namespaces(&folder)?.len() == 6, "it is not up");
    drop(leash);
    expect_nothing(&folder)?;
    Ok(fs::remove_dir_all(folder)?)
}
