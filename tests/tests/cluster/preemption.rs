//! Jobs that give way to others.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Cluster, Profile, Workdir, wait_until};

use crate::SOON;

/// The job's script: it says which start this is, and ticks until its end.
const SCRIPT: &str = "#!/bin/bash\n\
    echo start ${SLURM_RESTART_COUNT-0}\n\
    while sleep .2; do date +%s.%N >> ticks; done\n";

/// Submits a job for `node1` in this partition, and waits until it runs.
fn victim(cluster: &Cluster, workdir: &Workdir, partition: &str) -> Result<String> {
    let script = workdir.write("job.sh", SCRIPT)?;
    let id = cluster.sbatch(
        workdir,
        &[
            "-A",
            "p200001",
            "-p",
            partition,
            "-w",
            "node1",
            "--exclusive",
            "--requeue",
            "--open-mode=append",
            "-o",
            "out.txt",
            &script.to_string_lossy(),
        ],
    )?;
    cluster.wait_job(&id, &["RUNNING"], SOON)?;
    Ok(id)
}

/// Submits a job that wants all of `node1` for some seconds, and outranks the victim.
fn rival(cluster: &Cluster, workdir: &Workdir) -> Result<String> {
    let wrap = [
        "-A",
        "p200002",
        "-p",
        "cpu",
        "-w",
        "node1",
        "--exclusive",
        "--mem=500",
        "--wrap",
        "sleep 4",
    ];
    cluster.sbatch(workdir, &wrap)
}

#[test]
fn a_preempted_job_is_requeued() -> Result<()> {
    let Some(cluster) = Cluster::up("a_preempted_job_is_requeued", Profile::Site)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    let id = victim(&cluster, &workdir, "requeued")?;
    let rival = rival(&cluster, &workdir)?;
    cluster.wait_job(&rival, &["RUNNING", "COMPLETED"], SOON)?;
    wait_until(SOON * 2, "the second start", || {
        let output = fs::read_to_string(workdir.path().join("out.txt"))?;
        Ok(output.contains("start 1\n").then_some(()))
    })?;
    cluster.wait_job(&id, &["RUNNING"], SOON).map(drop)
}

#[test]
fn a_preempted_job_is_suspended() -> Result<()> {
    let Some(cluster) = Cluster::up("a_preempted_job_is_suspended", Profile::Site)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    let id = victim(&cluster, &workdir, "suspended")?;
    rival(&cluster, &workdir)?;
    cluster.wait_job(&id, &["SUSPENDED"], SOON)?;
    cluster.wait_job(&id, &["RUNNING"], SOON * 2)?;
    let gap = wait_until(SOON, "the gap in its ticks", || {
        let gap = longest_gap(&workdir)?;
        Ok((gap > Duration::from_secs(2)).then_some(gap))
    })?;
    ensure!(gap < Duration::from_mins(1), "it stood still for {gap:?}");
    Ok(())
}

fn longest_gap(workdir: &Workdir) -> Result<Duration> {
    let text = fs::read_to_string(workdir.path().join("ticks"))?;
    let times: Vec<f64> = text.lines().filter_map(|line| line.parse().ok()).collect();
    let gaps = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(before, after)| after - before);
    let longest = gaps.max_by(f64::total_cmp).context("fewer than two ticks")?;
    Ok(Duration::from_secs_f64(longest.max(0.0)))
}
