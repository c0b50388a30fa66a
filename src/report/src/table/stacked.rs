//! Some lines a trial, for narrow places and many parameters.

use std::fmt::Write;

use super::metrics::{PERCENTILES, latencies, totals};
use super::row::Row;
use crate::words::{Style, push_wrapped};

/// Columns of a latency's name and of each number.
const CELL: usize = 7;

/// The trials one below the other.
pub(super) fn blocks(rows: &[Row<'_>], style: Style) -> String {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        push_wrapped(&mut text, "", &row.title, style.width);
        text.push_str("  ");
        text.push_str(&style.paint(row.standing.colour(), row.standing.word()));
        text.push('\n');
        if row.summary().is_some_and(|summary| summary.requests.issued > 0) {
            push_numbers(&mut text, row);
        }
    }
    text
}

fn push_numbers(text: &mut String, row: &Row<'_>) {
    let totals = totals(row.summary()).map(|(name, number)| format!("{number} {name}"));
    let _ = writeln!(text, "  {}", totals.join("  "));
    let [p50, p90, p99] = PERCENTILES;
    let _ = writeln!(text, "  {:CELL$}{p50:>CELL$}{p90:>CELL$}{p99:>CELL$}", "ms");
    for (name, [p50, p90, p99]) in latencies(row.summary()) {
        let _ = writeln!(text, "  {name:CELL$}{p50:>CELL$}{p90:>CELL$}{p99:>CELL$}");
    }
}
