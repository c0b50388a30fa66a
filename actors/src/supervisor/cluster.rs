//! Waiting for the cluster that a service runs on.

use std::time::{Duration, Instant};

use super::instance::Instance;
use super::start::Rest;

/// How long one look at the cluster may take: a program that is written in Python starts for each.
const LOOK: Duration = Duration::from_secs(30);
/// Shortest pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

impl Instance {
    /// Waits until the cluster is complete, then starts the service on it.
    pub(super) async fn go_on(&self, rest: &Rest, since: Instant) -> Result<(), String> {
        let timeout = self.plan.health.timeout.as_std();
        let left = || timeout.saturating_sub(since.elapsed());
        loop {
            let looked = self.processes.print(&rest.status, LOOK.min(left()));
            let missing = match looked.await {
                Ok(printed) => match self.service.judge_cluster(&self.plan, rest.wanted, &printed) {
                    Ok(()) => break,
                    Err(missing) => missing,
                },
                Err(problem) => problem,
            };
            tracing::debug!(instance = %self.order.id, missing, "the cluster is not complete");
            if left().is_zero() {
                let seconds = timeout.as_secs_f64();
                return Err(format!(
                    "its cluster was not complete within {seconds} s: {missing}"
                ));
            }
            let pause = self.plan.health.interval.as_std().max(PAUSE);
            tokio::time::sleep(pause.min(left())).await;
        }
        self.start_rest(rest).await
    }
}
