//! Containers in jobs.

use anyhow::{Result, ensure};
use hpcbench_tests::{Apptainer, Cluster, LlamaImage, Profile};

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
            exec 3<>/dev/tcp/node1/8080 && break; sleep .1\n\
          done 2>/dev/null\n\
          printf \"GET /health HTTP/1.0\\r\\n\\r\\n\" >&3; cat <&3'\n";
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
