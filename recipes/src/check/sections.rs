//! The typed sections of a recipe, as far as they keep to the schema.

use serde::Deserialize;
use serde_json::Value;

use crate::code::Code;
use crate::problem::Problem;
use crate::recipe::{Launch, Monitoring, Nodes, Report, Service, Sweep, Workload};
use crate::tree::Pointer;

/// Sections; `None` where a section is missing or wrong, so that rules about the others still run.
pub(super) struct Sections {
    pub launch: Option<Launch>,
    pub nodes: Option<Nodes>,
    pub service: Option<Service>,
    pub workload: Option<Workload>,
    pub sweep: Option<Sweep>,
    pub monitoring: Option<Monitoring>,
    pub report: Option<Report>,
}

impl Sections {
    /// Reads the sections of a document whose problems are known.
    pub(super) fn read(document: &Value, problems: &[Problem]) -> Self {
        let mut document = document.clone();
        for problem in problems.iter().filter(|problem| problem.code == Code::UnknownKey) {
            remove(&mut document, &problem.pointer);
        }
        Self {
            launch: optional(&document, "launch"),
            nodes: optional(&document, "nodes"),
            service: section(&document, "service"),
            workload: section(&document, "workload"),
            sweep: optional(&document, "sweep"),
            monitoring: optional(&document, "monitoring"),
            report: optional(&document, "report"),
        }
    }
}

fn section<'d, T: Deserialize<'d>>(document: &'d Value, key: &str) -> Option<T> {
    T::deserialize(document.get(key)?).ok()
}

fn optional<'d, T: Deserialize<'d> + Default>(document: &'d Value, key: &str) -> Option<T> {
    if document.get(key).is_none() {
        Some(T::default())
    } else {
        section(document, key)
    }
}

fn remove(document: &mut Value, pointer: &Pointer) {
    let Some((above, key)) = pointer.split_last() else {
        return;
    };
    let parent = document.pointer_mut(&above.to_string());
    if let Some(members) = parent.and_then(Value::as_object_mut) {
        members.shift_remove(key);
    }
}
