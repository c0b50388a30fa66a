//! An agent that has lost its orchestrator, on a node where no pipe tells it so.
//!
//! A batch system keeps the job of a dead first node, and does not start it again by itself. So the agents that are left ask for
//! that: the first of them, once, and only where no successor has gone on with the run.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use hpcbench_core::Epoch;
use hpcbench_journal::{DirStorage, Storage as _};
use hpcbench_nats::ConnectionWatch;
use tokio::process::Command;

use super::claim::{self, Claim};
use super::greeting::OrphanOrders;

/// How patient orphaned agents are with each other.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// How long an agent leaves the hook to each agent before it.
    turn: Duration,
    /// How long the hook may take.
    hook: Duration,
    /// How much later at the latest the others see that it has ended.
    margin: Duration,
    /// Pause between two looks.
    look: Duration,
}

const TIMES: Times = Times {
    turn: Duration::from_secs(5),
    hook: Duration::from_mins(1),
    margin: Duration::from_secs(15),
    look: Duration::from_secs(1),
};

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

/// Runs the hook with these variables, unless another agent does or the run goes on without this epoch. While another one is at
/// it this waits: should that one fail, or die of it, it is the next one's turn.
pub(super) async fn run_hook(
    run_dir: &Path,
    epoch: Epoch,
    orders: &OrphanOrders,
    variables: &[(&str, OsString)],
) {
    run_hook_in(run_dir, epoch, orders, variables, TIMES).await;
}

async fn run_hook_in(
    run_dir: &Path,
    epoch: Epoch,
    orders: &OrphanOrders,
    variables: &[(&str, OsString)],
    times: Times,
) {
    let Some((program, arguments)) = orders.hook.split_first() else {
        return;
    };
    tokio::time::sleep(times.turn * orders.rank).await;
    if !has_turn(run_dir, epoch, times).await {
        return;
    }
    let settled = match run(program, arguments, variables, times.hook).await {
        Ok(()) => claim::settle(run_dir, epoch),
        Err(problem) => {
            tracing::error!(program, problem, "the orphaned job was not taken care of");
            claim::release(run_dir, epoch)
        }
    };
    if let Err(error) = settled {
        tracing::warn!(%error, "the others are not told what became of the orphaned job");
    }
}

/// Waits until this agent is the one to act; false: the job needs nobody any more.
async fn has_turn(run_dir: &Path, epoch: Epoch, times: Times) -> bool {
    let mut seen: Option<(SystemTime, Instant)> = None;
    loop {
        if goes_on_elsewhere(run_dir, epoch) {
            return false;
        }
        let claim = match claim::take(run_dir, epoch) {
            Ok(true) => return true,
            Ok(false) => Claim::of(run_dir, epoch),
            Err(error) => Err(error),
        };
        match (claim, seen) {
            (Ok(Claim::Settled), _) => {
                tracing::warn!("another agent has taken care of the orphaned job");
                return false;
            }
            (Ok(Claim::Held(since)), Some((before, when))) if since == before => {
                if when.elapsed() > times.hook + times.margin {
                    tracing::warn!("the agent that was to take care of the orphaned job is gone");
                    // Should another one be as late as this, the job is seen to twice, which does no harm.
                    let _ = claim::release(run_dir, epoch);
                }
            }
            (Ok(Claim::Held(since)), _) => seen = Some((since, Instant::now())),
            (Ok(Claim::Free), _) => {}
            (Err(error), _) => {
                tracing::warn!(%error, "it is not known whether another agent takes care of the job");
                return true;
            }
        }
        tokio::time::sleep(times.look).await;
    }
}

fn goes_on_elsewhere(run_dir: &Path, epoch: Epoch) -> bool {
    match DirStorage::new(run_dir).higher_than(epoch) {
        Ok(Some(successor)) => {
            tracing::warn!(%successor, "another orchestrator goes on with the run");
            true
        }
        Ok(None) => false,
        // The file system may be lost with the orchestrator's node.
        Err(error) => {
            tracing::warn!(%error, "it is not known whether the run goes on elsewhere");
            false
        }
    }
}

async fn run(
    program: &str,
    arguments: &[String],
    variables: &[(&str, OsString)],
    limit: Duration,
) -> Result<(), String> {
    tracing::warn!(
        program,
        ?arguments,
        "the orchestrator is lost: taking care of the orphaned job"
    );
    let mut command = Command::new(program);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(limit, command.status()).await;
    match ended.map_err(|_| format!("it took longer than {limit:?}"))? {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("it ended with {status}")),
        Err(error) => Err(error.to_string()),
    }
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

    /// As patient as a test.
    const SHORT: Times = Times {
        turn: Duration::from_millis(50),
        hook: Duration::from_secs(1),
        margin: Duration::from_millis(200),
        look: Duration::from_millis(20),
    };

    #[tokio::test]
    async fn the_next_one_waits_for_the_first_one_to_fail() {
        let dir = tempfile::tempdir().unwrap();
        let run_dir = dir.path();
        let fails_slowly = appending(run_dir, "sleep 0.5; exit 1");
        let mut next = appending(run_dir, "true");
        let mut last = appending(run_dir, "true");
        (next.rank, last.rank) = (1, 2);
        tokio::join!(
            run_hook_in(run_dir, Epoch(2), &fails_slowly, &[], SHORT),
            run_hook_in(run_dir, Epoch(2), &next, &[], SHORT),
            run_hook_in(run_dir, Epoch(2), &last, &[], SHORT),
        );
        // The first one in vain, one of the others after it, and the last one not at all.
        assert_eq!(told(run_dir), 2);
        assert_eq!(Claim::of(run_dir, Epoch(2)).unwrap(), Claim::Settled);
    }

    #[tokio::test]
    async fn one_that_hangs_or_died_of_it_is_followed_by_another_one() {
        let dir = tempfile::tempdir().unwrap();
        assert!(claim::take(dir.path(), Epoch(2)).unwrap());
        let began = Instant::now();
        run_hook_in(dir.path(), Epoch(2), &appending(dir.path(), "true"), &[], SHORT).await;
        assert_eq!(told(dir.path()), 1);
        assert!(began.elapsed() > SHORT.hook, "it did not wait for the other one");
    }

    #[tokio::test]
    async fn whoever_waits_sees_a_successor() {
        let dir = tempfile::tempdir().unwrap();
        let run_dir = dir.path();
        assert!(claim::take(run_dir, Epoch(2)).unwrap());
        std::fs::create_dir(run_dir.join("events")).unwrap();
        let (orders, began) = (appending(run_dir, "true"), Instant::now());
        let succeed = async {
            tokio::time::sleep(SHORT.look * 3).await;
            std::fs::write(run_dir.join("events/000003.jsonl"), "").unwrap();
        };
        tokio::join!(run_hook_in(run_dir, Epoch(2), &orders, &[], SHORT), succeed);
        assert_eq!(told(run_dir), 0);
        assert!(began.elapsed() < SHORT.hook);
    }

    #[tokio::test]
    async fn nobody_does_where_a_successor_has_begun_or_the_orchestrator_has_ended_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("events")).unwrap();
        std::fs::write(dir.path().join("events/000003.jsonl"), "").unwrap();
        run_hook(dir.path(), Epoch(2), &appending(dir.path(), "true"), &[]).await;
        assert_eq!(told(dir.path()), 0);
        claim::settle_for_all(dir.path(), Epoch(3)).unwrap();
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
