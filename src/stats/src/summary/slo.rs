//! Percentiles against their limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::metric::seconds;
use super::note::{Note, NoteCode};
use crate::aggregate::TrialAggregate;
use crate::distribution::{compare_with_tail, rank};
use crate::{Distribution, Expectations, SloLimit, SloMetric, Start};

/// A service-level objective and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SloSummary {
    /// Whether every limit was met.
    pub met: bool,
    /// The limits by name.
    pub limits: BTreeMap<String, SloResult>,
}

/// One limit and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SloResult {
    /// The limit.
    pub limit: f64,
    /// The percentile, failures counted as infinitely slow; `None` if it lies among them, or cannot be known.
    pub value: Option<f64>,
    /// Whether the percentile is at or below the limit.
    pub met: bool,
}

impl SloSummary {
    /// Holds the trial against its limits; `None` if there are none.
    pub(super) fn of(
        aggregate: &TrialAggregate,
        expectations: &Expectations,
        notes: &mut Vec<Note>,
    ) -> Option<Self> {
        if expectations.slo.is_empty() {
            return None;
        }
        let start = expectations.load.start();
        let mut limits = BTreeMap::new();
        for limit in &expectations.slo {
            let value = match value(aggregate, limit, start) {
                Ok(value) => value,
                Err(censored) => {
                    notes.push(censored);
                    None
                }
            };
            let met = value.is_some_and(|value| value <= limit.limit_ns);
            let result = SloResult {
                limit: limit.limit_ns as f64 / 1e9,
                value: seconds(value),
                met,
            };
            limits.insert(limit.name(), result);
        }
        Some(Self {
            met: limits.values().all(|result| result.met),
            limits,
        })
    }
}

/// The percentile of which a limit speaks, with failures above every value; an error if it lies among them.
fn value(aggregate: &TrialAggregate, limit: &SloLimit, start: Start) -> Result<Option<u64>, Note> {
    let metrics = &aggregate.metrics;
    let distribution = match limit.metric {
        SloMetric::Ttft => metrics.ttft_from(start),
        SloMetric::E2e => metrics.e2e_from(start),
        SloMetric::Tpot if aggregate.tokens.sources_are_mixed() => return Ok(None),
        SloMetric::Tpot => &metrics.tpot,
        SloMetric::Itl => return inter_token(aggregate, limit),
    };
    let failed = aggregate.outcomes.failed();
    let rank = rank(distribution.count() + failed, limit.quantile);
    if failed > 0 && rank > distribution.count() {
        return Err(censored(limit, aggregate));
    }
    Ok(distribution.value_at_rank(rank))
}

/// Gaps belong to chunks, of which a failed request has an unknown number: failures censor the percentile by their
/// share of the requests, and otherwise leave it alone.
fn inter_token(aggregate: &TrialAggregate, limit: &SloLimit) -> Result<Option<u64>, Note> {
    let outcomes = &aggregate.outcomes;
    if compare_with_tail(outcomes.failed(), outcomes.failed() + outcomes.ok, limit.quantile).is_gt() {
        return Err(censored(limit, aggregate));
    }
    let itl: &Distribution = &aggregate.metrics.itl;
    Ok(itl
        .quantile(limit.quantile)
        .filter(|_| aggregate.gap_quantile_is_resolved(limit.quantile)))
}

fn censored(limit: &SloLimit, aggregate: &TrialAggregate) -> Note {
    let outcomes = &aggregate.outcomes;
    let (failed, all) = (outcomes.failed(), outcomes.failed() + outcomes.ok);
    Note::new(
        NoteCode::Censored,
        format!(
            "{} lies among the {failed} failed of {all} requests, so it has no value",
            limit.name()
        ),
    )
}
