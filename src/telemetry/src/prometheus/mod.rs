//! Prometheus' text format, version 0.0.4, as far as values go.
//!
//! The format is described at <https://prometheus.io/docs/instrumenting/exposition_formats/>. Comments, help and types are
//! skipped, and so are time stamps and the exemplars of its successor `OpenMetrics`.

mod line;
mod parse;

#[cfg(test)]
mod tests;

pub use line::{LineProblem, MAX_LABELS};
pub use parse::{MAX_LINE_BYTES, MAX_SERIES, MAX_TEXT_BYTES, ParseError, parse};

use std::borrow::Cow;

/// One line: a metric's value under one set of labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'a> {
    /// The metric's name.
    pub name: &'a str,
    /// Its labels in their order.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
    /// The value; may be infinite or NaN.
    pub value: f64,
}

impl Series<'_> {
    /// The labels as the text format writes them, without braces.
    pub fn labels_text(&self) -> String {
        let escaped = |value: &str| {
            value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n")
        };
        let pairs = self
            .labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
        pairs.collect::<Vec<_>>().join(",")
    }
}
