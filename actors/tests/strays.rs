//! Strays: processes whose parent is gone, adopted by a subreaper. A test binary of its own, for it kills all that it adopts.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hpcbench_actors::process::{ChildSpec, Spawner};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn lives(pid: i32) -> bool {
    // A zombie is dead, and only waits to be waited for.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[tokio::test]
async fn strays_are_killed_and_children_are_not() {
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let spawner = Spawner::start("/nowhere/hpcbench".into(), dir.path().to_path_buf()).unwrap();
    let spec = ChildSpec {
        program: "sleep".into(),
        args: vec!["60".into()],
        env: Vec::new(),
        inherit_env: true,
        greeting: Vec::new(),
        stdout: None,
        stderr: None,
    };
    let child = spawner.spawn(spec).await.unwrap();
    let shell = Command::new("sh")
        .args(["-c", "sleep 60 >/dev/null 2>&1 & echo $!"])
        .stdin(Stdio::null())
        // As a spawner starts its children.
        .process_group(0)
        .output()
        .unwrap();
    let stray: i32 = String::from_utf8(shell.stdout).unwrap().trim().parse().unwrap();
    assert!(lives(stray));
    let mut tool = Command::new("sleep").arg("60").spawn().unwrap();
    spawner.sweep();
    let until = Instant::now() + Duration::from_secs(10);
    while lives(stray) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!lives(stray), "the stray lives");
    let own = child.pid().cast_signed();
    assert!(lives(own), "its own child was killed");
    assert!(
        tool.try_wait().unwrap().is_none(),
        "a program that it runs was killed"
    );
    tool.kill().unwrap();
    tool.wait().unwrap();
    kill(Pid::from_raw(own), Signal::SIGKILL).unwrap();
    child.ended().await;
}
