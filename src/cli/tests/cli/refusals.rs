//! What `run` refuses before anything happens. Where a nats-server has to be there, a stand-in says its version; it
//! would be of no use for more.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::common::{Finished, World};

/// `run` with a nats-server that says its version.
fn run(world: &World, arguments: &[&str]) -> Finished {
    let server = world.write("nats-server", "#!/bin/sh\necho 'nats-server: v2.11.0'\n");
    fs::set_permissions(&server, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = world.command(&[&["run"], arguments].concat());
    Finished::of(command.env("HPCBENCH_NATS_SERVER", server).output().unwrap())
}

#[test]
fn without_a_nats_server_nothing_is_created() {
    let world = World::with_recipe();
    world
        .run(&["run", "good.yaml"])
        .expect_refused(3, &["HPCBENCH_NATS_SERVER", "/nowhere/nats-server"]);
    assert!(!world.path().join("runs").exists());
}

#[test]
fn a_nats_server_that_does_not_work_is_told() {
    let world = World::with_recipe();
    let mut command = world.command(&["run", "good.yaml"]);
    let finished = Finished::of(
        command
            .env("HPCBENCH_NATS_SERVER", "/bin/false")
            .output()
            .unwrap(),
    );
    finished.expect_refused(3, &["/bin/false --version"]);
    assert!(!world.path().join("runs").exists());
}

#[test]
fn a_used_directory_is_left_alone() {
    let world = World::with_recipe();
    let dir = world.path().join("mine");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("notes"), "mine").unwrap();
    run(&world, &["good.yaml", "--run-dir", "mine"]).expect_refused(3, &["mine", "not empty"]);
    let left: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["notes"]);
}

#[test]
fn a_directory_that_cannot_be_created_is_told() {
    let world = World::with_recipe();
    world.write("file", "mine");
    for dir in ["file", "file/run"] {
        run(&world, &["good.yaml", "--run-dir", dir]).expect_refused(3, &[dir, "Not a directory"]);
    }
    assert_eq!(fs::read_to_string(world.path().join("file")).unwrap(), "mine");
}

#[test]
fn problems_of_the_recipe_are_all_told_on_standard_error() {
    let world = World::with_recipe();
    let finished = world.run(&[
        "run",
        "good.yaml",
        "--set",
        "workload.requests=0",
        "--set",
        "name=A B",
    ]);
    assert_eq!(
        (finished.code, finished.stdout.as_str()),
        (Some(2), ""),
        "{finished:?}"
    );
    for words in ["workload.requests=0", "name=A B", "good.yaml is invalid"] {
        assert!(finished.stderr.contains(words), "no {words} in {finished:?}");
    }
}

#[test]
fn a_slurm_recipe_needs_a_slurm_job() {
    let world = World::with_recipe();
    let finished = world.run(&["run", "good.yaml", "--set", "launch.mode=slurm"]);
    assert_eq!(
        (finished.code, finished.stdout.as_str()),
        (Some(2), ""),
        "{finished:?}"
    );
    assert!(finished.stderr.contains("launch.mode"), "{finished:?}");
}

#[test]
fn an_agent_is_not_to_be_started_by_hand() {
    let world = World::new();
    fs::create_dir(world.path().join("run")).unwrap();
    let finished = world.run(&[
        "agent",
        "--run-dir",
        "run",
        "--node",
        "client",
        "--role",
        "client",
    ]);
    assert_eq!(finished.code, Some(3), "{finished:?}");
    assert!(finished.stderr.contains("not by hand"), "{finished:?}");
}
