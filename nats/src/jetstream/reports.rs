//! The orchestrator's stream of reports, through reconnects and lost stores.

use futures::stream::{self, Stream, StreamExt};
use hpcbench_core::RunId;
use hpcbench_core::message::ReportId;
use nats::jetstream::consumer::pull;
use nats::jetstream::{AckKind, Message};
use tokio::sync::watch;

use super::link::{Link, Live};
use super::streams::{failed, reports_consumer};
use crate::limits::{PULL_EXPIRY, PULL_HEARTBEAT, REOPEN_DELAY, REPORTS_PER_PULL};
use crate::subject::{Subject, Topic};
use crate::{BusError, Receipt, Report, names};

/// All reports to come.
pub(super) async fn reports(link: &Link) -> Result<impl Stream<Item = Report> + Send + use<>, BusError> {
    let mut live = link.follow();
    let first = live.borrow_and_update().clone();
    let run = link.run().clone();
    let open = Some(open(&first, &run).await?);
    let state = Reports { run, live, open };
    Ok(stream::unfold(state, |mut state| async {
        let report = state.next().await?;
        Some((report, state))
    }))
}

struct Reports {
    run: RunId,
    live: watch::Receiver<Live>,
    open: Option<pull::Stream>,
}

impl Reports {
    async fn next(&mut self) -> Option<Report> {
        loop {
            match self.message().await? {
                Ok(message) => match report(&self.run, &self.live, message) {
                    Ok(report) => return Some(report),
                    Err(stranger) => discard(&stranger).await,
                },
                Err(error) => {
                    tracing::debug!(error = %error, "the stream of reports is opened again");
                    self.open = None;
                }
            }
        }
    }

    /// The next message or a failure of the open stream; `None` when the link is gone.
    async fn message(&mut self) -> Option<Result<Message, nats::Error>> {
        loop {
            let Some(messages) = &mut self.open else {
                self.reopen().await?;
                continue;
            };
            tokio::select! {
                biased;
                message = messages.next() => match message {
                    Some(message) => return Some(message.map_err(Into::into)),
                    None => self.open = None,
                },
                changed = self.live.changed() => {
                    changed.ok()?;
                    self.open = None;
                }
            }
        }
    }

    async fn reopen(&mut self) -> Option<()> {
        let live = self.live.borrow_and_update().clone();
        match open(&live, &self.run).await {
            Ok(messages) => self.open = Some(messages),
            Err(error) => {
                tracing::debug!(%error, "reports cannot be read now");
                pause(&mut self.live).await?;
            }
        }
        Some(())
    }
}

/// Waits a little, or for the next connection; `None` when the link is gone.
pub(super) async fn pause(live: &mut watch::Receiver<Live>) -> Option<()> {
    tokio::select! {
        () = tokio::time::sleep(REOPEN_DELAY) => live.has_changed().is_ok().then_some(()),
        changed = live.changed() => {
            // Seen as changed once more by whoever opens.
            live.mark_changed();
            changed.ok()
        }
    }
}

async fn open(live: &Live, run: &RunId) -> Result<pull::Stream, BusError> {
    let consumer = reports_consumer(&live.jetstream, run).await?;
    consumer
        .stream()
        .max_messages_per_batch(REPORTS_PER_PULL)
        .expires(PULL_EXPIRY)
        .heartbeat(PULL_HEARTBEAT)
        .messages()
        .await
        .map_err(failed("read the REPORTS stream"))
}

fn report(run: &RunId, live: &watch::Receiver<Live>, message: Message) -> Result<Report, Box<Message>> {
    let (node, actor) = match message.subject.as_str().parse() {
        Ok(Subject {
            run: of,
            topic: Topic::Report(node, actor),
        }) if of == *run => (node, actor),
        _ => return Err(Box::new(message)),
    };
    let Some(id) = report_id(&message) else {
        return Err(Box::new(message));
    };
    let deliveries = message.info().map_or(1, |info| info.delivered.max(1) as u64);
    let receipt = receipt(&Topic::Receipt(node.clone()).of(run), &id, live.clone());
    let (message, acker) = message.split();
    let acknowledge = move || async move {
        let lost = |()| BusError::Disconnected {
            what: "the receipt of a report".to_owned(),
        };
        // Both, even if one fails: either saves a repetition.
        let (told, acked) = tokio::join!(receipt, acker.ack());
        told.and(acked.map_err(drop)).map_err(lost)
    };
    Ok(Report {
        node,
        actor,
        id,
        payload: message.payload,
        deliveries,
        receipt: Receipt::new(Box::new(move || Box::pin(acknowledge()))),
    })
}

fn report_id(message: &Message) -> Option<ReportId> {
    let header = message.headers.as_ref()?.get(names::REPORT_ID)?;
    serde_json::from_str(header.as_str()).ok()
}

/// Tells an agent that a report has been received, over the connection that there is then.
fn receipt(
    subject: &Subject,
    id: &ReportId,
    live: watch::Receiver<Live>,
) -> impl Future<Output = Result<(), ()>> + Send + use<> {
    let (subject, id) = (subject.to_string(), serde_json::to_vec(id));
    async move {
        let client = live.borrow().client.clone();
        let id = id.map_err(drop)?;
        client.publish(subject, id.into()).await.map_err(drop)
    }
}

/// Drops a message that no agent sends, for good.
async fn discard(stranger: &Message) {
    tracing::warn!(subject = %stranger.subject, "dropped a report from nobody");
    if let Err(error) = stranger.ack_with(AckKind::Term).await {
        tracing::debug!(%error, "it will come again");
    }
}
