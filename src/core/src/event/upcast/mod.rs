//! From an event as written, by any version, to the event as folded.
//!
//! Each type has a version of its own, and a module here for each type that has had more than one. A change that old data
//! does not fit, or that gives a field another meaning, makes a new version and comes with a [`Step`] from the former one.
//! A field that may be missing needs neither.

mod cancel_requested;
mod chain;

use chain::{STEPS, Step};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Body, Event, RawEvent, Unreadable};
use crate::message::ReportId;

#[derive(Deserialize)]
struct ReportField {
    report: Option<ReportId>,
}

/// Reads an event of any known version. Total: what cannot be read becomes [`Body::Unreadable`], with its data as they
/// were written.
pub fn upcast(raw: RawEvent) -> Event {
    let data = raw.data.get();
    let body = read(&raw.kind, raw.version, data).unwrap_or_else(|problem| {
        Body::Unreadable(Unreadable {
            kind: raw.kind.clone(),
            version: raw.version,
            problem,
            data: data.to_owned(),
        })
    });
    // Few events are made of a report, and looking for the word is cheaper than reading all data twice.
    let report = data
        .contains("\"report\"")
        .then(|| serde_json::from_str::<ReportField>(data).ok()?.report)
        .flatten();
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

/// The typed data, or why there are none; no reason for a type that is not known.
fn read(kind: &str, version: u16, data: &str) -> Result<Body, String> {
    let current = Body::current_version(kind).ok_or_else(String::new)?;
    let typed = if version == current {
        Body::read(kind, data)
    } else {
        let steps = chain::between(STEPS, kind, version, current)?;
        let raised = raise(&steps, data).map_err(|error| error.to_string())?;
        Body::read(kind, &raised)
    };
    typed.ok_or_else(String::new)?.map_err(|error| error.to_string())
}

/// Takes data through the steps, in order.
fn raise(steps: &[&Step], data: &str) -> Result<String, serde_json::Error> {
    let data: Map<String, Value> = serde_json::from_str(data)?;
    let raised = steps.iter().fold(data, |data, step| (step.apply)(data));
    serde_json::to_string(&raised)
}

#[cfg(test)]
mod tests;
