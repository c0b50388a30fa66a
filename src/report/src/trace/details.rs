//! What stands beside a span.

use hpcbench_core::NodeId;
use hpcbench_core::event::{Body, Event};
use serde_json::{Map, Value};

use crate::words::one_line;

/// Fields of events that are too large for a trace, or of no use in one; the log has them.
const LEFT_OUT: [&str; 7] = ["summary", "log_tail", "files", "base", "facts", "nodes", "report"];

/// What an event adds to its span.
#[derive(Debug, Clone)]
pub(super) struct Details {
    pub(super) kind: String,
    /// The node that the event is about, else the one that it comes from.
    pub(super) node: Option<NodeId>,
    pub(super) data: Map<String, Value>,
}

impl Details {
    pub(super) fn of(event: &Event) -> Self {
        let data = event.body.to_data(None).ok();
        let data = data.and_then(|data| serde_json::from_str(data.get()).ok());
        let mut data: Map<String, Value> = data.unwrap_or_default();
        for name in LEFT_OUT {
            data.remove(name);
        }
        if let Body::TrialCompleted(e) = &event.body {
            let verdict = &e.summary.verdict;
            data.insert("verdict".to_owned(), verdict.status.as_str().into());
            if !verdict.reasons.is_empty() {
                data.insert("reasons".to_owned(), verdict.reasons.clone().into());
            }
            data.insert("requests".to_owned(), e.summary.requests.issued.into());
        }
        data.retain(|_, value| !value.is_null());
        data.values_mut().for_each(cleaned);
        let named = data.get("node").and_then(Value::as_str);
        let named = named.and_then(|node| node.parse().ok());
        Self {
            kind: event.body.kind().to_owned(),
            node: named.or_else(|| event.node.clone()),
            data,
        }
    }
}

/// Whatever a service wrote is without control characters and has a limited length.
fn cleaned(value: &mut Value) {
    match value {
        Value::String(text) => *text = one_line(text),
        Value::Array(values) => values.iter_mut().for_each(cleaned),
        Value::Object(fields) => fields.values_mut().for_each(cleaned),
        _ => {}
    }
}
