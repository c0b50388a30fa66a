//! An agent that has lost its orchestrator, on a node where no pipe tells it so.
//!
//! A batch system keeps the job of a dead first node, and does not start it again by itself. So the agents that are left ask for
//! that: the first of them, once, and only where no successor has gone on with the run.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hpcbench_core::Epoch;
use hpcbench_journal::{DirStorage, Storage as _};
use hpcbench_nats::ConnectionWatch;
use tokio::process::Command;

use super::greeting::OrphanOrders;
use crate::shell::private_dir;

/// How long an agent leaves the hook to each agent before it.
const TURN: Duration = Duration::from_secs(5);
/// How long the hook may take.
const HOOK: Duration = Duration::from_mins(1);

/// Waits until the bus has been away for so long.
pub(super) async fn bus_is_lost(mut connection: ConnectionWatch, timeout: Duration) {
    let mut up = connection.current().up;
    loop {
        let change = if up {
            connection.changed().await
        } else {
            match tokio::time::timeout(timeout, connection.changed()).await {
                Ok(change) => change,
                Err(_) => return,
            }
        };
        let Some(change) = change else {
            return;
        };
        up = change.up;
    }
}

/// Variables that tell the hook which agent asks: its node, and its boot id. The hook may find that only this node was cut off.
pub const NODE_VARIABLE: &str = "HPCBENCH_NODE";
/// See [`NODE_VARIABLE`].
pub const BOOT_VARIABLE: &str = "HPCBENCH_BOOT";

/// How long the orchestrator surely takes, if it lives, to see that this agent is silent and to put that into the log.
pub(super) const NOTICED: Duration = Duration::from_secs(15);

/// Runs the hook with these variables, unless another agent has or the run goes on without this epoch.
pub(super) async fn run_hook(
    run_dir: &Path,
    epoch: Epoch,
    orders: &OrphanOrders,
    variables: &[(&str, OsString)],
) {
    let Some((program, arguments)) = orders.hook.split_first() else {
        return;
    };
    tokio::time::sleep(TURN * orders.rank).await;
    match DirStorage::new(run_dir).higher_than(epoch) {
        Ok(Some(successor)) => {
            tracing::warn!(%successor, "another orchestrator goes on with the run");
            return;
        }
        Ok(None) => {}
        // The file system may be lost with the orchestrator's node.
        Err(error) => tracing::warn!(%error, "it is not known whether the run goes on elsewhere"),
    }
    match claim(run_dir, epoch) {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!("another agent has taken care of the orphaned job");
            return;
        }
        Err(error) => tracing::warn!(%error, "it is not known whether another agent takes care of the job"),
    }
    if let Err(problem) = run(program, arguments, variables).await {
        tracing::error!(program, problem, "the orphaned job was not taken care of");
        // It is the next one's turn.
        if let Err(error) = std::fs::remove_file(claim_path(run_dir, epoch)) {
            tracing::warn!(%error, "the claim to do so stays");
        }
    }
}

async fn run(program: &str, arguments: &[String], variables: &[(&str, OsString)]) -> Result<(), String> {
    tracing::warn!(
        program,
        ?arguments,
        "the orchestrator is lost: taking care of the orphaned job"
    );
    let mut command = Command::new(program);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(HOOK, command.status()).await;
    match ended.map_err(|_| format!("it took longer than {HOOK:?}"))? {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("it ended with {status}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Takes the right to decide what becomes of an epoch's job that lost its orchestrator; false: it was taken before.
///
/// The orchestrator takes it at its own end: then there are no orphans.
pub(crate) fn claim(run_dir: &Path, epoch: Epoch) -> io::Result<bool> {
    let path = claim_path(run_dir, epoch);
    private_dir(path.parent().unwrap_or(run_dir))?;
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(&path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives that right back: whoever had it could do nothing for the job, and agents that are left may be able to.
///
/// # Errors
/// The claim cannot be removed.
pub fn release(run_dir: &Path, epoch: Epoch) -> io::Result<()> {
    std::fs::remove_file(claim_path(run_dir, epoch))
}

fn claim_path(run_dir: &Path, epoch: Epoch) -> PathBuf {
    run_dir.join("job").join(format!("orphans-{epoch}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(hook: &[&str]) -> OrphanOrders {
        OrphanOrders {
            timeout_seconds: 1.0,
            hook: hook.iter().map(|word| (*word).to_owned()).collect(),
            rank: 0,
        }
    }

    fn appending(dir: &Path, then: &str) -> OrphanOrders {
        let told = dir.join("told");
        orders(&["sh", "-c", &format!("echo x >> '{}'; {then}", told.display())])
    }

    fn told(dir: &Path) -> usize {
        std::fs::read_to_string(dir.join("told")).map_or(0, |text| text.lines().count())
    }

    #[tokio::test]
    async fn one_agent_runs_the_hook() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            run_hook(dir.path(), Epoch(2), &appending(dir.path(), "true"), &[]).await;
        }
        assert_eq!(told(dir.path()), 1);
        // A later epoch's orphans are others.
        run_hook(dir.path(), Epoch(3), &appending(dir.path(), "true"), &[]).await;
        assert_eq!(told(dir.path()), 2);
    }

    #[tokio::test]
    async fn the_next_one_tries_where_the_first_one_failed() {
        let dir = tempfile::tempdir().unwrap();
        run_hook(dir.path(), Epoch(2), &orders(&["/nowhere/scontrol"]), &[]).await;
        run_hook(dir.path(), Epoch(2), &appending(dir.path(), "exit 1"), &[]).await;
        run_hook(dir.path(), Epoch(2), &appending(dir.path(), "true"), &[]).await;
        run_hook(dir.path(), Epoch(2), &appending(dir.path(), "true"), &[]).await;
        assert_eq!(told(dir.path()), 2);
    }

    #[tokio::test]
    async fn nobody_does_where_a_successor_has_begun_or_the_orchestrator_has_ended_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("events")).unwrap();
        std::fs::write(dir.path().join("events/000003.jsonl"), "").unwrap();
        run_hook(dir.path(), Epoch(2), &appending(dir.path(), "true"), &[]).await;
        assert_eq!(told(dir.path()), 0);
        assert!(claim(dir.path(), Epoch(3)).unwrap());
        run_hook(dir.path(), Epoch(3), &appending(dir.path(), "true"), &[]).await;
        assert_eq!(told(dir.path()), 0);
    }

    #[tokio::test]
    async fn without_a_run_directory_it_is_run_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("a-file");
        std::fs::write(&gone, "").unwrap();
        run_hook(&gone, Epoch(2), &appending(dir.path(), "true"), &[]).await;
        assert_eq!(told(dir.path()), 1);
    }
}
