//! Jobs and steps on all nodes.

use std::fs;

use anyhow::{Result, ensure};
use hpcbench_tests::{Cluster, Profile, binary};

use crate::SOON;

#[test]
fn a_batch_job_has_five_machines() -> Result<()> {
    let Some(cluster) = Cluster::up("a_batch_job_has_five_machines", Profile::Plain)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    let program = binary()?;
    let script = format!(
        "#!/bin/bash\necho batch on $(hostname)\n\
         srun -N5 -n5 bash -c 'touch /tmp/$(hostname); echo $(hostname) has $(ls /tmp) and $(hostname -i) and $(\"$1\" --version)' _ {}\n",
        program.display()
    );
    let script = workdir.write("job.sh", &script)?;
    let output = workdir.path().join("out.txt");
    let script = script.to_string_lossy();
    let id = cluster.sbatch(
        &workdir,
        &["-N5", "--exclusive", "-o", &output.to_string_lossy(), &script],
    )?;
    let job = cluster.wait_job(&id, &["COMPLETED", "FAILED"], SOON)?;
    let output = fs::read_to_string(output)?;
    ensure!(
        job.state == "COMPLETED" && job.nodes == "node[1-5]",
        "{job:?}\n{output}"
    );
    ensure!(output.starts_with("batch on node1\n"), "{output}");
    for node in 1..=5 {
        let line = format!("node{node} has node{node} and 10.77.0.1{node} and hpcbench ");
        ensure!(output.contains(&line), "no {line:?} in\n{output}");
        ensure!(
            cluster
                .local_tmp(&format!("node{node}"))
                .join(format!("node{node}"))
                .exists()
        );
    }
    Ok(())
}

#[test]
fn steps_overlap_and_see_only_the_gpus_they_ask_for() -> Result<()> {
    let test = "steps_overlap_and_see_only_the_gpus_they_ask_for";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    // Each step waits for a file that only the other one makes: they end only if they run at the same time.
    let script = "#!/bin/bash\n\
        meet() { touch $1; for _ in $(seq 200); do [ -e $2 ] && break; sleep .1; done; [ -e $2 ]; }; export -f meet\n\
        srun -J a -N1 -n1 -w node1 --overlap --gres=gpu:2 bash -c 'meet a b && echo a: gpus ${CUDA_VISIBLE_DEVICES-none}.' &\n\
        srun -J b -N1 -n1 -w node1 --overlap --gres=none bash -c 'meet b a && echo b: gpus ${CUDA_VISIBLE_DEVICES-none}.' &\n\
        wait\n";
    let script = workdir.write("job.sh", script)?;
    let output = workdir.path().join("out.txt");
    let id = cluster.sbatch(
        &workdir,
        &[
            "-N2",
            "--gres=gpu:2",
            "-c4",
            "-o",
            &output.to_string_lossy(),
            &script.to_string_lossy(),
        ],
    )?;
    cluster.wait_job(&id, &["COMPLETED"], SOON)?;
    let output = fs::read_to_string(output)?;
    ensure!(output.contains("a: gpus 0,1.\n"), "{output}");
    ensure!(
        output.contains("b: gpus none.\n") || output.contains("b: gpus .\n"),
        "{output}"
    );
    Ok(())
}

#[test]
fn a_heterogeneous_job_has_components_of_its_own_size() -> Result<()> {
    let test = "a_heterogeneous_job_has_components_of_its_own_size";
    let Some(cluster) = Cluster::up(test, Profile::Site)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    let script = "#!/bin/bash\n\
        #SBATCH -A p200001 -p cpu -N1 -t 5\n\
        #SBATCH hetjob\n\
        #SBATCH -A p200001 -p gpu -N2 --gres=gpu:1 -t 5\n\
        srun --het-group=0 bash -c 'echo 0: $(hostname) $(id -un)'\n\
        srun --het-group=1 bash -c 'echo 1: $(hostname) $CUDA_VISIBLE_DEVICES'\n\
        sleep 60\n";
    let script = workdir.write("job.sh", script)?;
    let output = workdir.path().join("out.txt");
    let id = cluster.sbatch(
        &workdir,
        &["-o", &output.to_string_lossy(), &script.to_string_lossy()],
    )?;
    // Only the backfill scheduler starts these.
    let first = cluster.wait_job(&format!("{id}+0"), &["RUNNING"], SOON * 2)?;
    let second = cluster.wait_job(&format!("{id}+1"), &["RUNNING"], SOON)?;
    ensure!(second.nodes == "node[4-5]", "{first:?} {second:?}");
    hpcbench_tests::wait_until(SOON, "both steps", || {
        let output = fs::read_to_string(&output).unwrap_or_default();
        Ok(["0: node1 bench\n", "1: node4 0\n", "1: node5 0\n"]
            .iter()
            .all(|line| output.contains(line))
            .then_some(()))
    })?;
    cluster.scancel(&id)?;
    cluster.wait_job(&format!("{id}+1"), &["CANCELLED"], SOON)?;
    Ok(())
}
