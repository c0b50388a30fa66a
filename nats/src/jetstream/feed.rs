//! Keeping the EVENTS stream equal to the log.
//!
//! Each event is stored only if the stream's last sequence is the one before it, so the stream is a beginning of the
//! log or of another history. The chain in every line makes the last line stand for all before it: comparing one line
//! tells which.

use std::collections::VecDeque;

use hpcbench_core::{RunId, Seq};
use nats::jetstream::Context;
use nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use nats::jetstream::message::PublishMessage;
use nats::jetstream::stream::{Info, Stream};

use super::streams::{create_events, delete_events, events_info, failed};
use crate::bus::read_lines;
use crate::limits::{CATCH_UP_BATCH, JETSTREAM_TIMEOUT, PUBLISH_WINDOW};
use crate::subject::Topic;
use crate::{BusError, CatchUp, EventLine, LogLines, names};

/// Makes the stream equal to the log up to `head`.
pub(super) async fn catch_up(
    jetstream: &Context,
    run: &RunId,
    head: Seq,
    log: &dyn LogLines,
) -> Result<CatchUp, BusError> {
    let found = events_info(jetstream).await?;
    let (last, replaced) = match &found {
        None => (0, false),
        Some((stream, info)) if holds_beginning(stream, info, head, log).await? => {
            (info.state.last_sequence, false)
        }
        Some(_) => {
            delete_events(jetstream).await?;
            (0, true)
        }
    };
    if found.is_none() || replaced {
        create_events(jetstream, run).await?;
    }
    let published = publish_rest(jetstream, run, Seq(last), head, log).await?;
    Ok(match (replaced, published) {
        (true, _) => CatchUp::Replaced { published },
        (false, 0) => CatchUp::InStep,
        (false, _) => CatchUp::Continued { published },
    })
}

/// Whether the stream holds the log's beginning, of which the oldest events may have left.
async fn holds_beginning(
    stream: &Stream,
    info: &Info,
    head: Seq,
    log: &dyn LogLines,
) -> Result<bool, BusError> {
    let state = &info.state;
    let last = state.last_sequence;
    if last == 0 {
        return Ok(true);
    }
    let gapless = state.messages == (last + 1).saturating_sub(state.first_sequence);
    if last > head.0 || state.messages == 0 || !gapless {
        return Ok(false);
    }
    let stored = stream
        .get_raw_message(last)
        .await
        .map_err(failed("read the last event of the EVENTS stream"))?;
    let lines = read_lines(log, Seq(last), 1).await?;
    Ok(lines.first().is_some_and(|line| line.line == stored.payload))
}

async fn publish_rest(
    jetstream: &Context,
    run: &RunId,
    last: Seq,
    head: Seq,
    log: &dyn LogLines,
) -> Result<u64, BusError> {
    let mut next = last.next();
    while next <= head {
        let wanted = (head.0 - next.0 + 1).min(CATCH_UP_BATCH as u64) as usize;
        let lines = read_lines(log, next, wanted).await?;
        publish(jetstream, run, &lines).await?;
        next = Seq(next.0 + lines.len() as u64);
    }
    Ok(head.0.saturating_sub(last.0))
}

/// Publishes in order, a window of events at a time, and waits until all are stored.
pub(super) async fn publish(jetstream: &Context, run: &RunId, events: &[EventLine]) -> Result<(), BusError> {
    let mut waiting: VecDeque<(Seq, PublishAckFuture)> = VecDeque::new();
    for event in events {
        if waiting.len() >= PUBLISH_WINDOW
            && let Some((seq, ack)) = waiting.pop_front()
        {
            stored(seq, ack).await?;
        }
        let subject = Topic::Event(event.kind.clone()).of(run).to_string();
        BusError::check_size(&subject, &event.line)?;
        // The stream's name keeps a copy of the event, if somebody has one delivered there, out of other streams.
        let message = PublishMessage::build()
            .payload(event.line.clone())
            .expected_last_sequence(event.seq.0.saturating_sub(1))
            .expected_stream(names::EVENTS);
        let ack = jetstream
            .send_publish(subject, message)
            .await
            .map_err(|error| refused(event.seq, error))?;
        waiting.push_back((event.seq, ack));
    }
    for (seq, ack) in waiting {
        stored(seq, ack).await?;
    }
    Ok(())
}

async fn stored(seq: Seq, ack: PublishAckFuture) -> Result<(), BusError> {
    let ack = ack.await.map_err(|error| refused(seq, error))?;
    if ack.sequence == seq.0 {
        Ok(())
    } else {
        Err(BusError::OutOfStep { seq })
    }
}

fn refused(seq: Seq, error: PublishError) -> BusError {
    let what = format!("event {seq}");
    match error.kind() {
        PublishErrorKind::WrongLastSequence => BusError::OutOfStep { seq },
        PublishErrorKind::StreamNotFound => BusError::NoResponder { subject: what },
        PublishErrorKind::TimedOut => BusError::TimedOut {
            what,
            after: JETSTREAM_TIMEOUT,
        },
        PublishErrorKind::BrokenPipe => BusError::Disconnected { what },
        _ => failed(format!("store {what}"))(error),
    }
}
