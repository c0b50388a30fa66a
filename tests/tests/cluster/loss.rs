//! Machines and cables that fail.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use hpcbench_tests::{Cluster, Profile, Workdir, wait_until};

use crate::SOON;

/// How long Slurm may take to see that a node does not answer; about 16 s as it is configured.
const SEEN: Duration = Duration::from_mins(1);

/// A job on all nodes whose batch script and steps append a line every 200 ms, each to a file of its node's name.
fn ticking(cluster: &Cluster, workdir: &Workdir) -> Result<String> {
    let script = "#!/bin/bash\n\
        srun -N5 -n5 --no-kill -K0 --wait=0 bash -c 'while sleep .2; do date +%s.%N >> $(hostname); done'\n\
        sleep 300\n";
    let script = workdir.write("job.sh", script)?;
    let id = cluster.sbatch(
        workdir,
        &["-N5", "--no-kill", "-o", "out.txt", &script.to_string_lossy()],
    )?;
    for node in 1..=5 {
        wait_until(SOON, "a tick of each node", || {
            Ok((ticks(workdir, &format!("node{node}")) > 0).then_some(()))
        })?;
    }
    Ok(id)
}

fn ticks(workdir: &Workdir, node: &str) -> usize {
    let text = fs::read_to_string(workdir.path().join(node)).unwrap_or_default();
    text.lines().count()
}

/// Whether the node's step goes on. It appends to a file of this machine, which no cable has to carry.
fn goes_on(workdir: &Workdir, node: &str) -> bool {
    let before = ticks(workdir, node);
    wait_until(Duration::from_secs(10), "a further tick", || {
        Ok((ticks(workdir, node) > before).then_some(()))
    })
    .is_ok()
}

fn wait_state(cluster: &Cluster, node: &str, wanted: &[&str]) -> Result<()> {
    wait_until(SEEN, &format!("{node} to be {}", wanted.join(" or ")), || {
        // The controller may be busy with the node that is gone.
        let state = cluster.node_state(node).unwrap_or_default();
        Ok(wanted.contains(&state.as_str()).then_some(()))
    })
}

#[test]
fn the_others_go_on_without_a_node_that_lost_its_power() -> Result<()> {
    let test = "the_others_go_on_without_a_node_that_lost_its_power";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    let id = ticking(&cluster, &workdir)?;
    cluster.power_off("node3")?;
    ensure!(!goes_on(&workdir, "node3"), "node3 has no power and still writes");
    wait_state(&cluster, "node3", &["down*"])?;
    ensure!(goes_on(&workdir, "node2"), "node2 ended with node3");
    cluster.power_on("node3")?;
    wait_state(&cluster, "node3", &["idle"])?;
    cluster.scancel(&id)?;
    cluster.wait_job(&id, &["CANCELLED"], SOON)?;
    Ok(())
}

#[test]
fn a_node_without_its_cable_lives_on_alone() -> Result<()> {
    let Some(cluster) = Cluster::up("a_node_without_its_cable_lives_on_alone", Profile::Plain)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    ticking(&cluster, &workdir)?;
    cluster.cut("node4")?;
    ensure!(goes_on(&workdir, "node4"), "node4 ended with its cable");
    wait_state(&cluster, "node4", &["down*"])?;
    cluster.join("node4")?;
    wait_state(&cluster, "node4", &["idle", "allocated", "mixed"])
}

#[test]
fn jobs_survive_the_controller() -> Result<()> {
    let Some(cluster) = Cluster::up("jobs_survive_the_controller", Profile::Plain)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    let id = ticking(&cluster, &workdir)?;
    // It has written its state by then; what happens to a job before is another matter.
    std::thread::sleep(Duration::from_secs(6));
    cluster.kill_controller()?;
    ensure!(cluster.squeue().is_err(), "a killed controller answers");
    ensure!(goes_on(&workdir, "node1"), "the job ended with the controller");
    cluster.start_controller()?;
    cluster.wait_job(&id, &["RUNNING"], SOON)?;
    ensure!(
        goes_on(&workdir, "node1"),
        "the job ended with the new controller"
    );
    Ok(())
}
