//! What a trial's records add up to, in one pass and mergeable over threads and nodes.

mod client;
mod counts;
mod endpoints;
mod goodput;
mod rates;
mod record;
mod violations;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hpcbench_records::Record;
use serde::{Deserialize, Serialize};

pub use client::ClientTotals;
pub(crate) use counts::share;
pub use counts::{Outcomes, TokenTotals};
pub use endpoints::MAX_ENDPOINTS;
pub(crate) use endpoints::{EndpointTotals, Endpoints};
pub use goodput::GoodputCounts;
pub(crate) use rates::InFlightTwice;
pub use rates::Little;
pub(crate) use violations::{Counting, LimitCounts, ViolationCounts};

use crate::batches::BatchedMetrics;
use crate::steady::BatchSeries;
use crate::{Distribution, EngineReport, Expectations, ServiceReport, Start, Window};

/// Everything that the summary and the verdict of a trial are made of.
///
/// A client makes one for its window, adds its records and its engine's report, and sends it; the orchestrator merges.
/// Merging gives what adding all records to one aggregate would have given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialAggregate {
    /// Where latencies begin for goodput.
    pub(crate) start: Start,
    /// What the clients did in their windows, by client.
    pub(crate) clients: BTreeMap<String, ClientTotals>,
    /// Durations.
    pub(crate) metrics: Metrics,
    /// How the cohort's requests ended.
    pub(crate) outcomes: Outcomes,
    /// The cohort by endpoint. Aggregates of earlier versions have none.
    #[serde(default)]
    pub(crate) endpoints: Endpoints,
    /// Tokens of the cohort.
    pub(crate) tokens: TokenTotals,
    /// Gaps between chunks of which an end is not known to a millisecond.
    pub(crate) unresolved_gaps: u64,
    /// Requests that met their limits.
    pub(crate) goodput: GoodputCounts,
    /// What broke the limits of the objective, where that is to be judged.
    #[serde(default, skip_serializing_if = "ViolationCounts::is_empty")]
    pub(crate) violations: ViolationCounts,
    /// What happened batch by batch.
    pub(crate) series: BatchSeries,
    /// Durations batch by batch. Aggregates of earlier versions have none.
    #[serde(default)]
    pub(crate) batches: BatchedMetrics,
    /// What the engines say about themselves.
    pub(crate) engine: Option<EngineReport>,
    /// What the services say about the trial.
    #[serde(default)]
    pub(crate) service: Option<ServiceReport>,
    /// Nodes of the run that took no part, since they had been lost for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lost_nodes: Vec<String>,
}

/// The distributions of a trial, by the names that summaries use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metrics {
    pub(crate) ttft: Distribution,
    pub(crate) itl: Distribution,
    pub(crate) tpot: Distribution,
    pub(crate) e2e: Distribution,
    pub(crate) queue: Distribution,
    pub(crate) ttft_sched: Distribution,
    pub(crate) e2e_sched: Distribution,
    pub(crate) client_lag: Distribution,
}

impl TrialAggregate {
    /// An aggregate of no records yet, for one client and its window.
    pub fn new(client: impl Into<String>, window: Window, expectations: &Expectations) -> Self {
        Self {
            start: expectations.load.start(),
            clients: [(client.into(), ClientTotals::new(window))].into(),
            metrics: Metrics::default(),
            outcomes: Outcomes::default(),
            endpoints: Endpoints::default(),
            tokens: TokenTotals::default(),
            unresolved_gaps: 0,
            goodput: GoodputCounts::new(expectations.goodput),
            violations: ViolationCounts::new(expectations.searched_limits()),
            series: BatchSeries::new(),
            batches: BatchedMetrics::default(),
            engine: None,
            service: None,
            lost_nodes: Vec::new(),
        }
    }

    /// An aggregate of no client, to merge the clients' into.
    pub fn empty(expectations: &Expectations) -> Self {
        let no_window = Window {
            t1: 0,
            t2: 0,
            drained: false,
        };
        let mut aggregate = Self::new("", no_window, expectations);
        aggregate.clients.clear();
        aggregate
    }

    /// Adds one record of the client that this aggregate was made for.
    pub fn add(&mut self, record: &Record) {
        // A merged aggregate has no window of its own to hold a record against.
        let Some(mut client) = self.clients.first_entry() else {
            return;
        };
        let window = client.get().window;
        client.get_mut().add(record);
        self.add_stream(record, window);
        self.series.add(record, self.start, window);
        if record.cohort {
            self.add_cohort(record, window);
        }
    }

    /// Adds the report of an engine thread or of a whole engine.
    pub fn add_engine(&mut self, report: &EngineReport) {
        match &mut self.engine {
            Some(engine) => engine.merge(report),
            None => self.engine = Some(report.clone()),
        }
    }

    /// Adds what a service, or a node that it runs on, says about the whole trial.
    pub fn add_service(&mut self, report: &ServiceReport) {
        match &mut self.service {
            Some(service) => service.merge(report),
            None => self.service = Some(report.clone()),
        }
    }

    /// Names a node of the run that took no part, since it had been lost for good.
    pub fn add_lost_node(&mut self, node: impl Into<String>) {
        self.lost_nodes.push(node.into());
    }

    /// How late the clients read: events of streams, by their records, and answers without a stream, by the engines' word.
    pub(crate) fn client_lag(&self) -> Distribution {
        let mut lag = self.metrics.client_lag.clone();
        if let Some(engine) = &self.engine {
            lag.merge(&engine.document_lag);
        }
        lag
    }

    /// Adds everything that another aggregate of the same trial holds.
    pub fn merge(&mut self, other: &Self) {
        for (name, totals) in &other.clients {
            match self.clients.get_mut(name) {
                Some(own) => own.merge(totals),
                None => {
                    self.clients.insert(name.clone(), totals.clone());
                }
            }
        }
        self.metrics.merge(&other.metrics);
        self.outcomes.merge(&other.outcomes);
        self.endpoints.merge(&other.endpoints);
        self.tokens.merge(&other.tokens);
        self.unresolved_gaps += other.unresolved_gaps;
        self.goodput.merge(&other.goodput);
        self.violations.merge(&other.violations);
        self.series.merge(&other.series);
        self.batches.merge(&other.batches);
        if let Some(engine) = &other.engine {
            self.add_engine(engine);
        }
        if let Some(service) = &other.service {
            self.add_service(service);
        }
        self.lost_nodes.extend_from_slice(&other.lost_nodes);
    }
}

impl Metrics {
    /// Times to the first token, counted from where the load's latency begins.
    pub(crate) fn ttft_from(&self, start: Start) -> &Distribution {
        match start {
            Start::Sent => &self.ttft,
            Start::Intended => &self.ttft_sched,
        }
    }

    /// Times to the last token, counted from where the load's latency begins.
    pub(crate) fn e2e_from(&self, start: Start) -> &Distribution {
        match start {
            Start::Sent => &self.e2e,
            Start::Intended => &self.e2e_sched,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.ttft.merge(&other.ttft);
        self.itl.merge(&other.itl);
        self.tpot.merge(&other.tpot);
        self.e2e.merge(&other.e2e);
        self.queue.merge(&other.queue);
        self.ttft_sched.merge(&other.ttft_sched);
        self.e2e_sched.merge(&other.e2e_sched);
        self.client_lag.merge(&other.client_lag);
    }
}
