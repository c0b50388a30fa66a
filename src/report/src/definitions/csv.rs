//! One row a metric of a trial.

use hpcbench_stats::{DefinedDistribution, DefinedValue};

use super::{DefinedTrial, DefinitionsReport};
use crate::summary::csv::{cell, push_row, value};

/// The columns after the parameters.
const COLUMNS: [&str; 17] = [
    "repetition",
    "attempt",
    "verdict",
    "definitions",
    "metric",
    "unit",
    "value",
    "count",
    "mean",
    "std",
    "min",
    "p50",
    "p90",
    "p95",
    "p99",
    "max",
    "absent",
];

/// How many of them describe the trial.
const OF_TRIAL: usize = 4;

pub(super) fn table(report: &DefinitionsReport<'_>) -> String {
    let mut parameters: Vec<&str> = Vec::new();
    for path in report.trials.iter().flat_map(|trial| trial.parameters.keys()) {
        if !parameters.contains(&path.as_str()) {
            parameters.push(path);
        }
    }
    let mut table = String::new();
    let header = ["trial"]
        .into_iter()
        .chain(parameters.iter().copied())
        .chain(COLUMNS);
    push_row(&mut table, header.map(str::to_owned).collect());
    for trial in &report.trials {
        for metric in metrics(trial) {
            let mut row = vec![trial.id.to_string()];
            row.extend(parameters.iter().map(|path| value(trial.parameters.get(*path))));
            row.push(trial.repetition.to_string());
            row.push(trial.attempt.to_string());
            row.push(trial.verdict.as_str().to_owned());
            row.push(report.definitions.as_str().to_owned());
            row.extend(metric);
            push_row(&mut table, row);
        }
    }
    table
}

/// The cells of each metric; one row of empty cells and the reason if there is none.
fn metrics(trial: &DefinedTrial<'_>) -> Vec<Vec<String>> {
    let Some(recomputed) = &trial.recomputed else {
        let mut row = vec![String::new(); COLUMNS.len() - OF_TRIAL - 1];
        row.push(cell(trial.missing.as_ref()));
        return vec![row];
    };
    let distributions = recomputed.distributions.iter().map(of_distribution);
    let values = recomputed.values.iter().map(of_value);
    distributions.chain(values).collect()
}

fn of_distribution(of: &DefinedDistribution) -> Vec<String> {
    let mut row = vec![
        of.name.to_owned(),
        of.unit.as_str().to_owned(),
        String::new(),
        of.count.to_string(),
    ];
    row.extend([of.mean, of.std, of.min, of.p50, of.p90, of.p95, of.p99, of.max].map(cell));
    row.push(cell(of.absent));
    row
}

fn of_value(of: &DefinedValue) -> Vec<String> {
    let mut row = vec![of.name.to_owned(), of.unit.as_str().to_owned(), cell(of.value)];
    // The statistics of a distribution.
    row.resize(COLUMNS.len() - OF_TRIAL - 1, String::new());
    row.push(cell(of.absent));
    row
}
