//! The results of a run as a table for people.

mod client;
mod endpoints;
mod metrics;
mod remarks;
mod row;
mod service;
mod stacked;
mod starts;
mod wide;

#[cfg(test)]
mod tests;

use crate::run::RunView;
use crate::search;
use crate::words::{Style, push_wrapped};

pub(crate) use row::Row;

/// A table of the run's trials: verdict, parameters, requests, throughputs and latencies, and below it what there is to
/// say about the results, and how long services took to start. Where the table does not fit, each trial gets some lines of its own.
pub fn results_table(view: &RunView, style: Style) -> String {
    let rows = Row::all(view);
    let mut text = wide::table(&rows, style).unwrap_or_else(|| stacked::blocks(&rows, style));
    remarks::push(&mut text, &rows, style);
    if let Some(sentence) = starts::sentence(&view.starts) {
        text.push('\n');
        push_wrapped(&mut text, "", &sentence, style.width);
    }
    search::push(&mut text, view, style);
    text
}
