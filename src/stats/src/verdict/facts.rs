//! The numbers that a verdict rests on.

use crate::aggregate::{InFlightTwice, Little, TrialAggregate, share};
use crate::search::QueueTrend;
use crate::steady::{self, Observed, SteadyState, Unsteady};
use crate::{
    CachedInput, ClientPlacement, EngineReport, Expectations, Load, OutputLength, PrefixCache, ServiceReport,
    StampSource, ThrottledGpu,
};

/// The numbers that a verdict rests on. Times are nanoseconds; `None` where there is no data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    pub(super) load: Load,
    pub(super) placement: ClientPlacement,
    pub(super) cohort: u64,
    pub(super) ok: u64,
    pub(super) failed_share: Option<f64>,
    pub(super) failed_tolerance: Option<f64>,
    /// Output tokens of the cohort, if its requests were to have any.
    pub(super) output_tokens: Option<u64>,
    pub(super) tokens_wanted: bool,
    /// Only where the length is planned.
    pub(super) off_plan_share: Option<f64>,
    /// Only where not all hits are expected.
    pub(super) cached: Option<Cached>,
    pub(super) delivered_mean: Option<f64>,
    pub(super) mean_residence_ns: Option<f64>,
    pub(super) little: Option<Little>,
    pub(super) in_flight: Option<InFlightTwice>,
    pub(super) ttft_p50: Option<u64>,
    pub(super) itl_p50: Option<u64>,
    pub(super) e2e_p50: Option<u64>,
    pub(super) client_lag_p99: Option<u64>,
    pub(super) unresolved_share: Option<f64>,
    pub(super) unsteady: Vec<Unsteady>,
    pub(super) engine: Option<EngineFacts>,
    /// Requests that the service counted and that we sent, where both are known.
    pub(super) counted_and_sent: Option<(u64, u64)>,
    /// Output tokens that the service counted, and the most that it can have generated for us.
    pub(super) tokens_counted_and_most: Option<(u64, u64)>,
    /// Nodes of the run that took no part, since they had been lost for good.
    pub(super) lost_nodes: Vec<String>,
    /// Where somebody else listened in the service's place.
    pub(super) strangers: Vec<String>,
    /// GPUs of the service that were throttled.
    pub(super) throttled: Vec<ThrottledGpu>,
}

/// Input that the service had in a cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cached {
    /// Its share of all input tokens.
    pub(super) share: f64,
    /// What the prefix that all prompts share makes of it.
    pub(super) shared: f64,
}

/// What the engine says about itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EngineFacts {
    pub(super) lateness_p99: Option<u64>,
    pub(super) queued_share: Option<f64>,
    pub(super) longest_loop_gap: Option<u64>,
    pub(super) long_gap_share: Option<f64>,
    pub(super) busiest_cpu_share: Option<f64>,
    pub(super) stamps: StampSource,
    pub(super) bad_stamp_share: Option<f64>,
    pub(super) kept_awake: bool,
}

impl Facts {
    pub(crate) fn gather(aggregate: &TrialAggregate, expectations: &Expectations) -> Self {
        let TrialAggregate {
            metrics,
            outcomes,
            tokens,
            service,
            ..
        } = aggregate;
        let start = expectations.load.start();
        let counted = service.as_ref().and_then(|service| service.requests);
        let tokens_counted = service.as_ref().and_then(|service| service.generated_tokens);
        Self {
            load: expectations.load,
            placement: expectations.placement,
            cohort: outcomes.issued(),
            ok: outcomes.ok,
            failed_share: outcomes.failed_share(),
            failed_tolerance: expectations.failed_tolerance,
            output_tokens: tokens.output,
            tokens_wanted: tokens.expecting_tokens > 0,
            off_plan_share: match expectations.output_length {
                OutputLength::Planned => tokens.off_plan_share(),
                OutputLength::Free => None,
            },
            cached: match expectations.cached_input {
                CachedInput::Prefix { tokens } => cached(aggregate, tokens),
                CachedInput::Expected => None,
            },
            delivered_mean: aggregate.delivered_mean(),
            mean_residence_ns: aggregate.mean_residence_ns(),
            little: aggregate.little(),
            in_flight: aggregate.in_flight_twice(),
            ttft_p50: metrics.ttft_from(start).quantile(0.5),
            itl_p50: metrics.itl.quantile(0.5),
            e2e_p50: metrics.e2e_from(start).quantile(0.5),
            client_lag_p99: aggregate.client_lag().quantile(0.99),
            unresolved_share: aggregate.unresolved_share(),
            unsteady: unsteady(aggregate, expectations),
            engine: aggregate.engine.as_ref().map(EngineFacts::of),
            counted_and_sent: counted.zip(aggregate.sent_in_all()),
            tokens_counted_and_most: tokens_counted.zip(aggregate.tokens_at_most()),
            lost_nodes: aggregate.lost_nodes.clone(),
            strangers: service
                .as_ref()
                .map(|service| service.strangers.clone())
                .unwrap_or_default(),
            throttled: service
                .as_ref()
                .map(|service| service.throttled.clone())
                .unwrap_or_default(),
        }
    }

    /// Whether there was a steady state; `None` where nothing was in flight.
    pub(crate) fn steady_state(&self) -> Option<SteadyState> {
        self.mean_residence_ns.map(|_| SteadyState::of(&self.unsteady))
    }

    /// How the number of requests that are due and not finished developed under an open load.
    pub(crate) fn queue_trend(&self) -> QueueTrend {
        let found = |wanted: fn(&Unsteady) -> bool| self.unsteady.iter().any(wanted);
        if found(|unsteady| {
            matches!(
                unsteady,
                Unsteady::Trend {
                    what: Observed::Outstanding,
                    ..
                }
            )
        }) {
            QueueTrend::Trend
        } else if self.mean_residence_ns.is_none() || found(|u| matches!(u, Unsteady::TooShort { .. })) {
            QueueTrend::Unknown
        } else {
            QueueTrend::None
        }
    }
}

/// What of the input was in a cache, where all prompts share so many tokens: by the answers, or else by the service's own
/// counters.
fn cached(aggregate: &TrialAggregate, prefix: u32) -> Option<Cached> {
    let (outcomes, tokens) = (&aggregate.outcomes, &aggregate.tokens);
    let share_of_input = tokens
        .cached_share()
        .or_else(|| aggregate.service.as_ref().and_then(cache_hits))?;
    let in_prefixes = u64::from(prefix).saturating_mul(outcomes.ok);
    let shared = tokens.input.and_then(|input| share(in_prefixes, input));
    Some(Cached {
        share: share_of_input,
        shared: shared.unwrap_or(0.0).min(1.0),
    })
}

/// Share of the input tokens that the service's own counters say were in its cache.
fn cache_hits(service: &ServiceReport) -> Option<f64> {
    let PrefixCache { looked_up, found } = service.prefix_cache?;
    share(found, looked_up)
}

/// Without requests in flight there is nothing to examine.
fn unsteady(aggregate: &TrialAggregate, expectations: &Expectations) -> Vec<Unsteady> {
    let Some(residence_ns) = aggregate.mean_residence_ns() else {
        return Vec::new();
    };
    let window_ns = aggregate.window_seconds().unwrap_or(0.0) * 1e9;
    steady::examine(
        &aggregate.series,
        expectations.load,
        window_ns as u64,
        residence_ns,
    )
}

impl EngineFacts {
    fn of(report: &EngineReport) -> Self {
        Self {
            lateness_p99: report.lateness.quantile(0.99),
            queued_share: share(report.arrivals_queued, report.arrivals),
            longest_loop_gap: report.loop_gaps.max(),
            long_gap_share: report.worst_long_gap_share(),
            busiest_cpu_share: report.busiest_cpu_share(),
            stamps: report.stamps,
            bad_stamp_share: share(report.stamps_missing + report.stamps_rejected, report.reads),
            kept_awake: report.kept_awake(),
        }
    }
}
