//! Event to line.

use std::borrow::Cow;

use hpcbench_core::event::{Draft, RawEvent};
use hpcbench_core::{NodeId, Seq, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{MAX_WRITTEN_BYTES, SUM_KEY, TAIL_BYTES, digest, tail_of};
use crate::{JournalError, LineHash};

/// What a line says about its place in the history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) seq: Seq,
    pub(crate) prev: LineHash,
    pub(crate) durable: Seq,
}

/// The fields in the order in which they stand in the line.
#[derive(Serialize)]
struct Body<'a> {
    seq: Seq,
    prev: LineHash,
    at: Timestamp,
    #[serde(rename = "type")]
    kind: &'a str,
    v: u16,
    actor: &'a str,
    node: &'a NodeId,
    correlation: &'a str,
    causation: Option<Seq>,
    durable: Seq,
    data: &'a RawValue,
}

/// The event at its place, its line's bytes (without newline) and their hash.
pub(crate) fn encode(draft: Draft, place: Place) -> Result<(RawEvent, Vec<u8>, LineHash), JournalError> {
    let Draft {
        at,
        kind,
        version,
        actor,
        node,
        correlation,
        causation,
        data,
    } = draft;
    if !data.get().starts_with('{') {
        return Err(JournalError::DataIsNoObject { kind });
    }
    let data = one_line(data, &kind)?;
    let body = Body {
        seq: place.seq,
        prev: place.prev,
        at,
        kind: &kind,
        v: version,
        actor: &actor,
        node: &node,
        correlation: &correlation,
        causation,
        durable: place.durable,
        data: &data,
    };
    let mut line = Vec::with_capacity(512 + data.get().len());
    if let Err(source) = serde_json::to_writer(&mut line, &body) {
        return Err(JournalError::Encode { kind, source });
    }
    line.pop(); // the closing brace: `sum` comes before it
    if line.len() + TAIL_BYTES > MAX_WRITTEN_BYTES {
        return Err(JournalError::LineTooLong {
            kind,
            bytes: line.len() + TAIL_BYTES,
            limit: MAX_WRITTEN_BYTES,
        });
    }
    let (sum, hash) = digest(&line);
    line.extend_from_slice(&tail_of(sum));
    let event = RawEvent {
        seq: place.seq,
        at,
        kind,
        version,
        actor,
        node,
        correlation,
        causation,
        data,
    };
    Ok((event, line, hash))
}

/// `data` without line breaks and without `,"sum":`, which has to be unique in the line, so that nobody who cuts
/// a line at it can cut in the wrong place. In JSON text both only occur between tokens, where a space may stand.
fn one_line(data: Box<RawValue>, kind: &str) -> Result<Box<RawValue>, JournalError> {
    let mut text = Cow::Borrowed(data.get());
    if text.contains(['\n', '\r']) {
        text = text.replace(['\n', '\r'], " ").into();
    }
    if memchr::memmem::find(text.as_bytes(), SUM_KEY).is_some() {
        text = text.replace(",\"sum\":", ", \"sum\":").into();
    }
    match text {
        Cow::Borrowed(_) => Ok(data),
        Cow::Owned(text) => RawValue::from_string(text).map_err(|source| JournalError::Encode {
            kind: kind.to_owned(),
            source,
        }),
    }
}
