//! What a site refuses, and what it limits.

use anyhow::{Result, ensure};
use hpcbench_tests::{Cluster, Profile};

#[test]
fn a_site_refuses_what_does_not_fit_it() -> Result<()> {
    let Some(cluster) = Cluster::up("a_site_refuses_what_does_not_fit_it", Profile::Site)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    let cases: &[(&[&str], &str)] = &[
        (&[], "Invalid account"),
        (&["-A", "nobody"], "Invalid account"),
        (&["-A", "p200001", "-q", "gold"], "Invalid qos"),
        (&["-A", "p200001", "-p", "fast"], "invalid partition"),
        (
            &["-A", "p200001", "-p", "gpu", "-N3"],
            "Node count specification invalid",
        ),
        (
            &["-A", "p200001", "--gres=gpu:1"],
            "Requested node configuration is not available",
        ),
        (&["-A", "p200001", "-t", "1-0"], "Requested time limit is invalid"),
    ];
    for (arguments, words) in cases {
        let refused = cluster.on_login(&workdir).args(["sbatch", "--wrap", "true"]);
        let refused = refused.args(*arguments).run()?.expect_code(1)?;
        ensure!(refused.stderr.contains(words), "no {words:?} in {refused}");
    }
    Ok(())
}

#[test]
fn a_login_shell_of_a_site_is_an_ordinary_users() -> Result<()> {
    let Some(cluster) = Cluster::up("a_login_shell_of_a_site_is_an_ordinary_users", Profile::Site)? else {
        return Ok(());
    };
    let workdir = cluster.workdir()?;
    let look = "id -un; ulimit -Sn; hostname; touch home/mine; ls -d /tmp/* 2>/dev/null | wc -l";
    let shell = cluster.on_login(&workdir).args(["bash", "-c", look]);
    let shell = shell.run()?.expect_code(0)?;
    assert_eq!(shell.stdout, "bench\n1024\nctl\n0\n");
    let version = cluster
        .hpcbench(&workdir)?
        .arg("--version")
        .run()?
        .expect_code(0)?;
    ensure!(version.stdout.starts_with("hpcbench "), "{version}");
    Ok(())
}
