//! For people: a block a trial, a line a metric.

use std::fmt::Write;

use hpcbench_stats::{DefinedDistribution, Recomputed};

use super::{DefinedTrial, DefinitionsReport};
use crate::table::Row;
use crate::words::{Style, push_wrapped, three_digits};

/// The statistics of a distribution.
const STATISTICS: [&str; 8] = ["mean", "std", "min", "p50", "p90", "p95", "p99", "max"];

/// Columns of a number, the gap before it included.
const NUMBER: usize = 8;
/// Columns of a unit.
const UNIT: usize = 10;

pub(super) fn blocks(report: &DefinitionsReport<'_>, style: Style) -> String {
    let mut text = format!(
        "Metrics as {} defines them, recomputed from the records\n",
        report.definitions.as_str()
    );
    let rows = Row::all(report.view);
    for (row, plan) in rows.iter().zip(report.view.trials().map(|trial| trial.plan)) {
        text.push('\n');
        push_wrapped(&mut text, "", &row.title, style.width);
        let verdict = style.paint(row.standing.colour(), row.standing.word());
        let _ = writeln!(text, "  {verdict}");
        if let Some(trial) = report.trials.iter().find(|trial| *trial.id == plan.id) {
            push_trial(&mut text, trial);
        }
    }
    text
}

fn push_trial(text: &mut String, trial: &DefinedTrial<'_>) {
    if let Some(missing) = &trial.missing {
        let _ = writeln!(text, "  {missing}");
    }
    if let Some(recomputed) = &trial.recomputed {
        push_numbers(text, recomputed);
    }
}

fn push_numbers(text: &mut String, of: &Recomputed) {
    let requests = of.requests;
    let _ = writeln!(
        text,
        "  requests: {} completed, {} failed, {} cancelled",
        requests.completed, requests.failed, requests.cancelled
    );
    let values = of.values.iter().map(|value| value.name);
    let distributions = of.distributions.iter().map(|distribution| distribution.name);
    let width = values.chain(distributions).map(str::len).max().unwrap_or(0);
    let _ = write!(text, "  {:width$}  {:UNIT$}", "", "");
    for name in STATISTICS {
        let _ = write!(text, "{name:>NUMBER$}");
    }
    text.push('\n');
    for distribution in &of.distributions {
        let _ = write!(
            text,
            "  {:width$}  {:UNIT$}",
            distribution.name,
            distribution.unit.as_str()
        );
        match distribution.absent {
            Some(absent) => {
                let _ = write!(text, "{:>NUMBER$}  {absent}", "-");
            }
            None => push_statistics(text, distribution),
        }
        text.push('\n');
    }
    for value in &of.values {
        let number = value.value.map_or_else(|| "-".to_owned(), three_digits);
        let _ = write!(
            text,
            "  {:width$}  {:UNIT$}{number:>NUMBER$}",
            value.name,
            value.unit.as_str()
        );
        if let Some(absent) = value.absent {
            let _ = write!(text, "  {absent}");
        }
        text.push('\n');
    }
}

/// In the order of [`STATISTICS`].
fn push_statistics(text: &mut String, of: &DefinedDistribution) {
    for number in [of.mean, of.std, of.min, of.p50, of.p90, of.p95, of.p99, of.max] {
        let number = number.map_or_else(|| "-".to_owned(), three_digits);
        let _ = write!(text, "{number:>NUMBER$}");
    }
}
