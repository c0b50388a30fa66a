//! The two streams and their limits.

use std::error::Error;

use hpcbench_core::{RunId, Seq};
use nats::jetstream::Context;
use nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType, Stream};
use nats::jetstream::{ErrorCode, consumer::AckPolicy, consumer::pull};

use crate::limits::{
    HEADER_ROOM, MAX_CREATIONS, MAX_EVENTS_BYTES, MAX_OBSERVERS, MAX_PAYLOAD, MAX_REPORTS_BYTES,
    MAX_REPORTS_IN_FLIGHT, REPORT_ACK_WAIT,
};
use crate::subject::filter;
use crate::{BusError, names};

/// Wraps a failure of JetStream.
pub(super) fn failed<E: Error + Send + Sync + 'static>(
    what: impl Into<String>,
) -> impl FnOnce(E) -> BusError {
    let what = what.into();
    move |source| BusError::JetStream {
        what,
        source: Box::new(source),
    }
}

/// A cache of the log: when it is full, the oldest events leave it, and sequences stay equal to the log's.
fn events_config(run: &RunId) -> Config {
    Config {
        name: names::EVENTS.to_owned(),
        description: Some("a cache of the run's event log".to_owned()),
        subjects: vec![filter::events(run)],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        max_bytes: MAX_EVENTS_BYTES,
        max_message_size: (MAX_PAYLOAD + HEADER_ROOM) as i32,
        max_consumers: MAX_OBSERVERS,
        storage: StorageType::File,
        num_replicas: 1,
        ..Config::default()
    }
}

/// A queue: what is acknowledged leaves it; when it is full, agents have to wait.
fn reports_config(run: &RunId) -> Config {
    Config {
        name: names::REPORTS.to_owned(),
        description: Some("reports until the orchestrator has synced them".to_owned()),
        subjects: vec![filter::reports(run)],
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        max_bytes: MAX_REPORTS_BYTES,
        max_message_size: (MAX_PAYLOAD + HEADER_ROOM) as i32,
        storage: StorageType::File,
        num_replicas: 1,
        ..Config::default()
    }
}

/// The state of the EVENTS stream; `None` if there is none.
pub(super) async fn events_info(jetstream: &Context) -> Result<Option<(Stream, Info)>, BusError> {
    match jetstream.get_stream(names::EVENTS).await {
        Ok(stream) => {
            let info = stream.cached_info().clone();
            Ok(Some((stream, info)))
        }
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failed("look at the EVENTS stream")(error)),
    }
}

fn is_absent(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// Makes an empty EVENTS stream.
pub(super) async fn create_events(jetstream: &Context, run: &RunId) -> Result<(), BusError> {
    for _ in 0..MAX_CREATIONS {
        let created = jetstream
            .create_stream(events_config(run))
            .await
            .map_err(failed("create the EVENTS stream"))?;
        // Of a stream that was deleted just now, nats-server 2.15 sometimes finds the files again: on a busy machine
        // three of sixty came back with all their messages.
        if created.cached_info().state.last_sequence == 0 {
            return Ok(());
        }
        tracing::debug!("a deleted EVENTS stream came back");
        delete_events(jetstream).await?;
    }
    Err(BusError::OutOfStep { seq: Seq(1) })
}

/// Deletes the EVENTS stream: only a new one starts at 1 again.
pub(super) async fn delete_events(jetstream: &Context) -> Result<(), BusError> {
    jetstream
        .delete_stream(names::EVENTS)
        .await
        .map_err(failed("delete the EVENTS stream"))?;
    Ok(())
}

/// The orchestrator's consumer of the REPORTS stream; makes both if they are missing.
pub(super) async fn reports_consumer(
    jetstream: &Context,
    run: &RunId,
) -> Result<nats::jetstream::consumer::Consumer<pull::Config>, BusError> {
    let stream = ensure_reports(jetstream, run).await?;
    let config = pull::Config {
        durable_name: Some(names::REPORTS_CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: REPORT_ACK_WAIT,
        max_ack_pending: MAX_REPORTS_IN_FLIGHT,
        ..pull::Config::default()
    };
    stream
        .get_or_create_consumer(names::REPORTS_CONSUMER, config)
        .await
        .map_err(failed("open the REPORTS stream's consumer"))
}

/// Makes the REPORTS stream if it is missing.
pub(super) async fn ensure_reports(jetstream: &Context, run: &RunId) -> Result<Stream, BusError> {
    jetstream
        .get_or_create_stream(reports_config(run))
        .await
        .map_err(failed("open the REPORTS stream"))
}
