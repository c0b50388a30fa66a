//! A run's metrics as another tool defines them.
//!
//! The records are read by whoever asks for the report: this crate knows events, and nothing of Parquet.

mod csv;
mod text;

#[cfg(test)]
mod tests;

use hpcbench_core::{Attempt, RunId, TrialId};
use hpcbench_recipes::TrialPlan;
use hpcbench_recipes::units::Duration;
use hpcbench_stats::{Definitions, GoodputLimits, Recomputation, Recomputed, TrialSummary, VerdictStatus};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::run::{ReportError, RunView};
use crate::words::Style;

/// A run's metrics as another tool defines them; serialized, the document of `report --definitions`. `null`, never 0,
/// stands where there is no data.
#[derive(Debug, Clone, Serialize)]
pub struct DefinitionsReport<'a> {
    /// The run's id; `null` before it was created.
    pub run: Option<&'a RunId>,
    /// Hex SHA-256 of the plan.
    pub plan: &'a str,
    /// Whose definitions.
    pub definitions: Definitions,
    /// The settled trials in the plan's order.
    pub trials: Vec<DefinedTrial<'a>>,
    #[serde(skip)]
    view: &'a RunView,
}

/// One trial of it.
#[derive(Debug, Clone, Serialize)]
pub struct DefinedTrial<'a> {
    /// The trial's id.
    pub id: &'a TrialId,
    /// The sweep's parameters: path in the recipe → value.
    pub parameters: &'a Map<String, Value>,
    /// The repetition, from 1.
    pub repetition: u32,
    /// The attempt that settled the trial.
    pub attempt: Attempt,
    /// Whether the numbers may be believed.
    pub verdict: VerdictStatus,
    /// Why there are no numbers, or not those of all requests; `null` if there are.
    pub missing: Option<String>,
    /// The numbers.
    #[serde(flatten)]
    pub recomputed: Option<Recomputed>,
}

/// Why a trial has no numbers.
const NO_RECORDS: &str = "the attempt left no records";

impl<'a> DefinitionsReport<'a> {
    /// The report on a run, as far as it has come. `recompute` is called for each settled trial and adds the records of
    /// that attempt; `None` if there are none.
    ///
    /// # Errors
    /// Those of `recompute`.
    pub fn of<E>(
        view: &'a RunView,
        definitions: Definitions,
        mut recompute: impl FnMut(&TrialId, Attempt, Recomputation) -> Result<Option<Recomputed>, E>,
    ) -> Result<Self, E> {
        let mut trials = Vec::new();
        for trial in view.trials() {
            let Some(settled) = trial.settled else { continue };
            let empty = Recomputation::new(definitions, &limits(trial.plan));
            let recomputed = recompute(&trial.plan.id, settled.attempt, empty)?;
            trials.push(DefinedTrial {
                id: &trial.plan.id,
                parameters: &trial.plan.parameters,
                repetition: trial.plan.repetition,
                attempt: settled.attempt,
                verdict: settled.summary.verdict.status,
                missing: missing(recomputed.as_ref(), &settled.summary),
                recomputed,
            });
        }
        Ok(Self {
            run: view.state.run.as_ref(),
            plan: &view.plan.hash,
            definitions,
            trials,
            view,
        })
    }

    /// For people: a block a trial, a line a metric.
    pub fn to_text(&self, style: Style) -> String {
        text::blocks(self, style)
    }

    /// The document as JSON, indented, with a line end.
    ///
    /// # Errors
    /// It cannot be serialized.
    pub fn to_json(&self) -> Result<String, ReportError> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// One row a metric of a trial, with a header. A cell is empty where there is no data.
    pub fn to_csv(&self) -> String {
        csv::table(self)
    }
}

/// What there should be beyond what was recomputed. Of a failed trial it is not always known how much was issued.
fn missing(recomputed: Option<&Recomputed>, summary: &TrialSummary) -> Option<String> {
    let Some(recomputed) = recomputed else {
        return Some(NO_RECORDS.to_owned());
    };
    let requests = recomputed.requests;
    let found = requests.completed + requests.failed + requests.cancelled;
    let issued = summary.requests.issued;
    (issued > found).then(|| format!("records of {found} requests are there, of {issued} that were issued"))
}

/// What a request has to keep to be a good one.
fn limits(trial: &TrialPlan) -> GoodputLimits {
    let nanoseconds = |limit: Duration| limit.as_micros().saturating_mul(1_000);
    let limits = &trial.workload.goodput;
    GoodputLimits {
        ttft: limits.ttft.map(nanoseconds),
        tpot: limits.tpot.map(nanoseconds),
        e2e: limits.e2e.map(nanoseconds),
    }
}
