//! Whether a ready service still answers. Between trials only: what a server under load takes for an answer says nothing, and the
//! question would be a part of the load.

use std::time::Duration;

use hpcbench_services::{Probe, ServiceEndpoint};
use tokio::sync::watch::Receiver;

use super::instance::Instance;
use super::probe::Server;
use super::ready::ask;
use crate::shell::describe;

/// So many questions without an answer, one after the other, and the service counts as dead.
const MISSES: u32 = 3;
/// Shortest time that an answer may take: a machine may be busy with something else.
const SHORTEST: Duration = Duration::from_secs(1);

impl Instance {
    /// Asks a ready service again and again. Returns why it is of no use any more.
    pub(super) async fn watch(&self, endpoints: &[ServiceEndpoint]) -> String {
        let servers = self.servers(endpoints).await;
        let readiness = self.service.readiness(&self.plan);
        let (servers, readiness) = match (servers, readiness) {
            (Ok(servers), Ok(readiness)) => (servers, readiness),
            (Err(reason), _) => return reason,
            (_, Err(error)) => return describe(&error),
        };
        let pause = self.plan.health.interval.as_std();
        let patience = (pause * 2).max(SHORTEST);
        let look = || all_answer(&readiness.probe, &servers, patience);
        let sleep = || tokio::time::sleep(pause);
        let last = until_silent(self.context.under_load(), look, sleep).await;
        format!("it does not answer any more: {last}")
    }
}

async fn all_answer(probe: &Probe, servers: &[Server<'_>], patience: Duration) -> Result<(), String> {
    for server in servers {
        ask(probe, server, patience)
            .await?
            .map_err(|not_yet| not_yet.last)?;
    }
    Ok(())
}

/// Looks whenever no load is on, until several looks in a row have found nothing: these go on though a load begins, since the first
/// one began without any. Returns what the last one met.
async fn until_silent<L, P>(
    mut under_load: Receiver<bool>,
    look: impl Fn() -> L,
    pause: impl Fn() -> P,
) -> String
where
    L: Future<Output = Result<(), String>>,
    P: Future<Output = ()>,
{
    let mut misses = 0;
    loop {
        if misses == 0 {
            // It ends with the agent.
            let _ = under_load.wait_for(|under_load| !under_load).await;
        }
        match look().await {
            Ok(()) => misses = 0,
            Err(problem) => {
                misses += 1;
                tracing::warn!("a ready service does not answer: {problem}");
                if misses >= MISSES {
                    return problem;
                }
            }
        }
        // The end of a load is a reason to look at once.
        let load = async {
            let _ = under_load.wait_for(|under_load| *under_load).await;
        };
        tokio::select! {
            () = pause() => {}
            () = load, if misses == 0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use tokio::sync::watch;
    use tokio::task::yield_now;

    use super::*;

    const NEVER: u32 = 300;

    /// Returns once there have been so many looks.
    async fn until(looks: &Cell<u32>, count: u32) {
        while looks.get() < count {
            yield_now().await;
        }
    }

    /// Watches a service that answers the looks that `answers` says, without any time passing. Returns the number of the look after
    /// which it counts as dead.
    async fn dead_after(answers: impl Fn(u32) -> bool) -> u32 {
        let (_load, quiet) = watch::channel(false);
        let looks = Cell::new(0);
        let look = || async {
            looks.set(looks.get() + 1);
            if answers(looks.get()) {
                Ok(())
            } else {
                Err("silence".to_owned())
            }
        };
        tokio::select! {
            _ = until_silent(quiet, look, yield_now) => looks.get(),
            () = until(&looks, NEVER) => NEVER,
        }
    }

    #[tokio::test]
    async fn several_looks_in_a_row_have_to_find_nothing() {
        assert_eq!(dead_after(|_| false).await, 3);
        assert_eq!(dead_after(|look| look <= 7).await, 10);
        assert_eq!(dead_after(|look| look.is_multiple_of(3)).await, NEVER);
    }

    #[tokio::test]
    async fn nobody_looks_while_a_load_is_on_and_its_end_is_a_reason_to() {
        let (load, state) = watch::channel(true);
        let looks = Cell::new(0);
        let look = || async {
            looks.set(looks.get() + 1);
            Ok(())
        };
        let trials = async {
            for trial in 0..3 {
                for _ in 0..10 {
                    yield_now().await;
                }
                assert_eq!(looks.get(), trial, "a look during a load");
                load.send_replace(false);
                until(&looks, trial + 1).await;
                load.send_replace(true);
            }
        };
        tokio::select! {
            silent = until_silent(state, look, pending) => panic!("it answers: {silent}"),
            () = trials => {}
        }
    }

    #[tokio::test]
    async fn a_load_that_begins_meanwhile_saves_nobody() {
        let (load, state) = watch::channel(false);
        let looks = Cell::new(0);
        let look = || async {
            looks.set(looks.get() + 1);
            load.send_replace(true);
            Err("silence".to_owned())
        };
        tokio::select! {
            _ = until_silent(state, look, yield_now) => assert_eq!(looks.get(), MISSES),
            () = until(&looks, NEVER) => panic!("it is never told"),
        }
    }
}
