//! Stop and wait: a report is sent until its receipt has come, and only then the next.
//!
//! Stored in the stream is not received: a nats-server that is started again with an empty store has lost what nobody
//! had read yet. Only the orchestrator's receipt, which follows the sync of what the report led to, ends its keeping.

use std::time::Duration;

use async_trait::async_trait;
use hpcbench_core::message::ReportId;
use tokio::time::{Instant, sleep, timeout};

use super::{Connection, ConnectionWatch, Incoming};
use crate::BusError;
use crate::limits::{RECEIPT_WAIT, REOPEN_DELAY};

/// The way of one report.
#[async_trait]
pub(crate) trait ReportPath: Send + Sync {
    /// The connection's state.
    fn connection(&self) -> ConnectionWatch;

    /// The receipts that come over this connection from now on.
    async fn receipts(&self) -> Incoming<ReportId>;

    /// Hands the report to the stream.
    async fn store(&self) -> Result<(), BusError>;
}

/// Sends a report until its receipt has come, within `deadline` of being connected. One absence of the bus may last as
/// long again.
pub(crate) async fn deliver(
    path: &dyn ReportPath,
    id: &ReportId,
    deadline: Duration,
) -> Result<(), BusError> {
    let mut connection = path.connection();
    let mut left = deadline;
    let mut wait = RECEIPT_WAIT.0;
    loop {
        wait_until_up(&mut connection, deadline).await?;
        let (start, generation) = (Instant::now(), connection.current().generation);
        let error = match timeout(left, attempt(path, id, wait)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => no_receipt(id, deadline),
        };
        left = left.saturating_sub(start.elapsed());
        let hopeless = matches!(error, BusError::TooLarge { .. } | BusError::Refused { .. });
        if hopeless || left.is_zero() {
            return Err(error);
        }
        tracing::debug!(%error, counter = id.counter, "a report is sent again");
        wait = if connection.current().generation == generation {
            (wait * 2).min(RECEIPT_WAIT.1)
        } else {
            RECEIPT_WAIT.0
        };
    }
}

async fn wait_until_up(connection: &mut ConnectionWatch, patience: Duration) -> Result<(), BusError> {
    let up = async { while !connection.current().up && connection.changed().await.is_some() {} };
    timeout(patience, up).await.map_err(|_| BusError::Disconnected {
        what: "a report".to_owned(),
    })
}

/// Sends it once, and waits for its receipt: for so long, or until the connection breaks.
async fn attempt(path: &dyn ReportPath, id: &ReportId, wait: Duration) -> Result<(), BusError> {
    let mut connection = path.connection();
    let generation = connection.current().generation;
    let mut receipts = path.receipts().await;
    let received = async {
        loop {
            match receipts.next().await {
                Some(receipt) if receipt == *id => return,
                // Of a report that was sent twice.
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    };
    let unanswered = async {
        if let Err(error) = path.store().await {
            sleep(REOPEN_DELAY).await;
            return error;
        }
        let same = Connection { up: true, generation };
        let broken = async { while connection.current() == same && connection.changed().await.is_some() {} };
        // Either way it has to be sent again.
        let _ = timeout(wait, broken).await;
        no_receipt(id, wait)
    };
    tokio::select! {
        biased;
        () = received => Ok(()),
        error = unanswered => Err(error),
    }
}

fn no_receipt(id: &ReportId, after: Duration) -> BusError {
    BusError::TimedOut {
        what: format!("report {} of {}", id.counter, id.boot),
        after,
    }
}
