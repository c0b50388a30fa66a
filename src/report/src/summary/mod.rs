//! The results of a run, for programs: `report/summary.json` and `report/summary.csv`.

pub(crate) mod csv;
mod files;

#[cfg(test)]
mod tests;

use hpcbench_core::{Attempt, RunId, TrialId};
use hpcbench_journal::LineHash;
use hpcbench_stats::TrialSummary;
use serde::Serialize;
use serde_json::{Map, Value};

pub use files::{write_missing_reports, write_reports};

use crate::run::{ReportError, RunView, ServiceStart};
use crate::search::SearchReport;

/// The document `report/summary.json`. Times are seconds; `null`, never 0, stands where there is no data.
#[derive(Debug, Clone, Serialize)]
pub struct Summary<'a> {
    /// The run's id; `null` before it was created.
    pub run: Option<&'a RunId>,
    /// Hex SHA-256 of the plan.
    pub plan: &'a str,
    /// Hash of the event that ended the run; `null` before that.
    pub chain_head: Option<LineHash>,
    /// The starts of services that became ready, in order.
    pub service_starts: &'a [ServiceStart],
    /// The settled trials in the plan's order. A trial that was not executed is not among them.
    pub trials: Vec<TrialReport<'a>>,
    /// What the search found out; left out where the run is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchReport<'a>>,
}

/// One trial of `report/summary.json`.
#[derive(Debug, Clone, Serialize)]
pub struct TrialReport<'a> {
    /// The trial's id.
    pub id: &'a TrialId,
    /// The sweep's parameters: path in the recipe → value.
    pub parameters: &'a Map<String, Value>,
    /// The repetition, from 1.
    pub repetition: u32,
    /// The attempt that settled the trial.
    pub attempt: Attempt,
    /// Verdict and numbers.
    #[serde(flatten)]
    pub summary: &'a TrialSummary,
}

impl<'a> Summary<'a> {
    /// The results of a run, as far as it has come.
    pub fn of(view: &'a RunView) -> Self {
        let trials = view.trials().filter_map(|trial| {
            let settled = trial.settled?;
            Some(TrialReport {
                id: &trial.plan.id,
                parameters: &trial.plan.parameters,
                repetition: trial.plan.repetition,
                attempt: settled.attempt,
                summary: &settled.summary,
            })
        });
        Self {
            run: view.state.run.as_ref(),
            plan: &view.plan.hash,
            chain_head: view.chain_head,
            service_starts: &view.starts,
            trials: trials.collect(),
            search: SearchReport::of(view),
        }
    }

    /// The document as JSON, indented, with a line end.
    pub fn to_json(&self) -> Result<String, ReportError> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// One row a trial, with a header; quoted as RFC 4180 has it, but with the line ends of Unix tools. A column for each parameter of the sweep, named by its path
    /// in the recipe; the other columns are always the same. Times are seconds; a cell is empty where there is no data.
    pub fn to_csv(&self) -> String {
        csv::table(self)
    }
}
