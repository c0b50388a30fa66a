//! From an event as written, by any version, to the event as folded.

use serde::Deserialize;

use super::{Body, Event, RawEvent, Unreadable};
use crate::message::ReportId;

#[derive(Deserialize)]
struct ReportField {
    report: Option<ReportId>,
}

/// Reads an event of any known version. Total: what cannot be read becomes [`Body::Unreadable`].
///
/// An older version of a type is first brought to the current shape; so far every type has one version.
pub fn upcast(raw: RawEvent) -> Event {
    let data = raw.data.get();
    let current = Body::KINDS
        .iter()
        .find(|(kind, _)| *kind == raw.kind)
        .map(|(_, version)| *version);
    let unreadable = |problem: String| {
        Body::Unreadable(Unreadable {
            kind: raw.kind.clone(),
            version: raw.version,
            problem,
            data: data.to_owned(),
        })
    };
    let body = match current {
        Some(version) if version != raw.version => unreadable(format!(
            "version {} of this type is not known here, only {version}",
            raw.version
        )),
        _ => match Body::read(&raw.kind, data) {
            Some(Ok(body)) => body,
            Some(Err(error)) => unreadable(error.to_string()),
            None => unreadable(String::new()),
        },
    };
    let report = serde_json::from_str::<ReportField>(data)
        .ok()
        .and_then(|field| field.report);
    Event {
        seq: raw.seq,
        at: raw.at,
        actor: raw.actor,
        node: Some(raw.node),
        correlation: raw.correlation,
        causation: raw.causation,
        report,
        body,
    }
}
