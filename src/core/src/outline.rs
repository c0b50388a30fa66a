//! What the state machine needs to know of a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use hpcbench_recipes::plan::{SearchPlan, SearchPoint, Window, WorkloadPlan, setups};
use hpcbench_recipes::recipe::{Launch, Load, OnNodeLoss, OnTimeLimit};
use hpcbench_recipes::{NodeId, Plan, Role, ServicePlan, TrialId, TrialPlan};
use hpcbench_stats::search::{Level, Levels, Search};

use crate::event::Afterwards;
use crate::{InstanceId, limits};

/// Random arrivals may take this much longer than their mean rate says.
const SLOWER_THAN_PLANNED: f64 = 2.0;

/// The part of a plan that decisions depend on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outline {
    /// Nodes and what they are for.
    pub nodes: BTreeMap<NodeId, Role>,
    /// Service configurations, by their index in the plan.
    pub services: Vec<ServiceOutline>,
    /// Trials in the order in which they run.
    pub trials: Vec<TrialOutline>,
    /// Instead of trials: a search, which finds out while it runs which trials it needs.
    pub search: Option<SearchOutline>,
    /// What happens when a batch job or a node of it does not last.
    pub policy: JobPolicy,
}

/// What happens when a batch job or a node of it does not last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobPolicy {
    /// What becomes of a run whose job has no time left.
    pub on_time_limit: Afterwards,
    /// What happens when a node cannot be had any more.
    pub on_node_loss: OnNodeLoss,
    /// So many jobs at most, restarts included.
    pub most_starts: u32,
}

impl Default for JobPolicy {
    fn default() -> Self {
        Self::of(&Launch::default())
    }
}

impl JobPolicy {
    fn of(launch: &Launch) -> Self {
        Self {
            on_time_limit: match launch.on_time_limit {
                OnTimeLimit::Stop => Afterwards::Wait,
                OnTimeLimit::Requeue => Afterwards::Requeue,
                OnTimeLimit::Resubmit => Afterwards::Resubmit,
            },
            on_node_loss: launch.on_node_loss,
            most_starts: launch.max_epochs.get(),
        }
    }
}

/// One service configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceOutline {
    /// What its processes are made of, as a number: two configurations with the same one have the same processes.
    pub setup: usize,
    /// Its processes and where they run.
    pub instances: BTreeMap<InstanceId, NodeId>,
    /// The processes of each instance, where an instance has several: that of the first answers, and gives the instance its id.
    /// Empty: each process is an instance.
    pub spans: Vec<Vec<InstanceId>>,
    /// Seconds before an instance's launch in which what it needs is brought to its node.
    pub outfit_within: f64,
    /// Seconds that an instance may take to become ready, from its launch.
    pub ready_within: f64,
    /// How often an instance that ended may be started again.
    pub restarts: u32,
    /// Seconds before the first restart; doubled for each further one.
    pub restart_backoff: f64,
}

/// One trial.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialOutline {
    /// Its id.
    pub id: TrialId,
    /// Index of the service configuration that it needs.
    pub service: usize,
    /// The clients that take part.
    pub clients: Arc<[NodeId]>,
    /// Seconds that the load takes at the very least.
    pub load_at_least: f64,
    /// Seconds that the load may take at the very most, time-outs included; none where a recorded trace sets its pace.
    pub load_within: Option<f64>,
}

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchOutline {
    /// How it decides.
    pub search: Search,
    /// What its trials have in common.
    plan: SearchPlan,
    /// The plan's seed.
    seed: u64,
    /// The clients, all of which take part in each trial.
    clients: Arc<[NodeId]>,
}

impl Outline {
    /// What a plan says.
    pub fn of(plan: &Plan) -> Self {
        let nodes: BTreeMap<NodeId, Role> = plan.nodes.iter().map(|n| (n.node.clone(), n.role)).collect();
        let setups = setups(&plan.services);
        let services = plan.services.iter().zip(setups).map(|(service, setup)| {
            // In the plan's order: neighbours there are neighbours in an instance.
            let servers = plan.servers_of(service).map(|planned| planned.node.clone());
            let outfit_within = outfit_seconds(plan, service);
            ServiceOutline::of(service, setup, outfit_within, &servers.collect::<Vec<_>>())
        });
        let services = services.collect();
        let mut clients = BTreeMap::new();
        let trials = plan.trials.iter().map(|trial| {
            let listed = || {
                plan.clients_of(trial)
                    .map(|planned| planned.node.clone())
                    .collect()
            };
            let clients: &Arc<[NodeId]> = clients.entry(trial.client_nodes).or_insert_with(listed);
            TrialOutline::of(trial, Arc::clone(clients))
        });
        let trials = trials.collect();
        let search = plan.search.as_ref().map(|search| {
            let clients = plan.nodes_of(Role::Client).map(|planned| planned.node.clone());
            SearchOutline::of(search, plan.seed, clients.collect())
        });
        Self {
            nodes,
            services,
            trials,
            search,
            policy: JobPolicy::of(&plan.launch),
        }
    }

    /// Whether a trial has a use for a node.
    pub fn uses(&self, trial: &TrialOutline, node: &NodeId) -> bool {
        self.is_used(node, trial.service, &trial.clients)
    }

    /// Whether the trials of a search have a use for a node.
    pub(crate) fn is_searched_with(&self, node: &NodeId) -> bool {
        let search = self.search.as_ref();
        search.is_some_and(|search| self.is_used(node, search.plan.service, &search.clients))
    }

    fn is_used(&self, node: &NodeId, service: usize, clients: &[NodeId]) -> bool {
        match self.nodes.get(node) {
            Some(Role::Client) => clients.contains(node),
            Some(Role::Server) => {
                let service = self.services.get(service);
                service.is_some_and(|service| service.instances.values().any(|other| other == node))
            }
            Some(Role::Orchestrator) => true,
            None => false,
        }
    }

    /// Whether two service configurations have the same processes.
    pub(crate) fn have_same_setup(&self, one: usize, other: usize) -> bool {
        let setup = |index: usize| self.services.get(index).map(|service| service.setup);
        one == other || setup(one).is_some_and(|one| setup(other) == Some(one))
    }

    /// The trial with this id.
    pub fn trial(&self, id: &TrialId) -> Option<&TrialOutline> {
        self.trials.iter().find(|trial| trial.id == *id)
    }
}

/// Seconds in which a service's image and model have to be on a node, and its programs to have been looked at.
pub fn outfit_seconds(plan: &Plan, service: &ServicePlan) -> f64 {
    let is_brought = service.image.is_some() || plan.storage.stage_model;
    if is_brought {
        limits::LOOK_SECONDS + limits::COPY_SECONDS
    } else {
        limits::LOOK_SECONDS
    }
}

impl ServiceOutline {
    fn of(service: &ServicePlan, setup: usize, outfit_within: f64, servers: &[NodeId]) -> Self {
        let numbers = |node: &NodeId| {
            let node = node.clone();
            (0..service.instances_per_node).map(move |index| (InstanceId::new(&node, index), node.clone()))
        };
        Self {
            setup,
            instances: servers.iter().flat_map(numbers).collect(),
            spans: spans(service, servers),
            outfit_within,
            ready_within: service.health.timeout.as_secs_f64(),
            restarts: service.restart.max,
            restart_backoff: service.restart.backoff.as_secs_f64(),
        }
    }

    /// The processes that only serve together, the one that answers first.
    pub(crate) fn units(&self) -> Vec<Vec<&InstanceId>> {
        if self.spans.is_empty() {
            return self.instances.keys().map(|id| vec![id]).collect();
        }
        self.spans.iter().map(|span| span.iter().collect()).collect()
    }
}

impl SearchOutline {
    /// What a plan's search says; `seed` is the plan's.
    pub fn of(plan: &SearchPlan, seed: u64, clients: Arc<[NodeId]>) -> Self {
        let levels = if plan.parameter.is_whole() {
            Levels::Whole
        } else {
            Levels::Real
        };
        Self {
            search: Search {
                from: Level(plan.from),
                to: Level(plan.to),
                levels,
                max_trials: plan.max_trials.get(),
                alpha: plan.alpha(),
            },
            plan: plan.clone(),
            seed,
            clients,
        }
    }

    /// The trial at a point.
    pub(crate) fn trial(&self, point: SearchPoint) -> Option<TrialPlan> {
        self.plan.trial(point, self.seed)
    }

    /// What decisions about a trial depend on.
    pub(crate) fn outline_of(&self, trial: &TrialPlan) -> TrialOutline {
        TrialOutline::of(trial, Arc::clone(&self.clients))
    }
}

/// The processes of instances that span nodes, one on each of their nodes.
fn spans(service: &ServicePlan, servers: &[NodeId]) -> Vec<Vec<InstanceId>> {
    let nodes = service.nodes_per_instance.get() as usize;
    if nodes == 1 {
        return Vec::new();
    }
    let process = |node: &NodeId| InstanceId::new(node, 0);
    let whole = servers.chunks_exact(nodes);
    whole.map(|span| span.iter().map(process).collect()).collect()
}

impl TrialOutline {
    fn of(trial: &TrialPlan, clients: Arc<[NodeId]>) -> Self {
        let workload = &trial.workload;
        let window = match workload.window {
            Window::Duration(duration) => Some(duration.as_secs_f64()),
            Window::Requests(requests) => {
                longest(requests.get(), &workload.load, workload.timeout.as_secs_f64())
            }
        };
        let around = workload.warmup.as_secs_f64() + workload.timeout.as_secs_f64();
        Self {
            id: trial.id.clone(),
            service: trial.service,
            clients,
            load_at_least: workload.warmup.as_secs_f64() + shortest(workload),
            load_within: window.map(|window| window + around),
        }
    }
}

/// Seconds that the measured window takes at the very least.
fn shortest(workload: &WorkloadPlan) -> f64 {
    match (workload.window, &workload.load) {
        (Window::Duration(duration), _) => duration.as_secs_f64(),
        (
            Window::Requests(requests),
            Load::Constant { rate, .. } | Load::Poisson { rate, .. } | Load::Gamma { rate, .. },
        ) => requests.get() as f64 / f64::from(*rate) / SLOWER_THAN_PLANNED,
        // How long a request takes is what is to be found out.
        (Window::Requests(_), Load::Closed { .. } | Load::Ramp { .. } | Load::Trace { .. }) => 0.0,
    }
}

/// Seconds that so many requests may take at the very most: every one of them runs into its time-out.
fn longest(requests: u64, load: &Load, timeout: f64) -> Option<f64> {
    let requests = requests as f64;
    let in_flight = f64::from(load.max_in_flight().get());
    let served = (requests / in_flight).ceil() * timeout;
    match load {
        Load::Closed { think_time, .. } => {
            Some(served + (requests / in_flight).ceil() * think_time.as_secs_f64())
        }
        Load::Constant { rate, .. } | Load::Poisson { rate, .. } | Load::Gamma { rate, .. } => {
            Some(served + SLOWER_THAN_PLANNED * requests / f64::from(*rate))
        }
        Load::Ramp { to, over, .. } => {
            Some(served + over.as_secs_f64() + SLOWER_THAN_PLANNED * requests / f64::from(*to))
        }
        Load::Trace { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(json: &str) -> Load {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn requests_that_all_time_out_bound_a_load() {
        let closed = load(r#"{"shape": "closed", "concurrency": 10, "think_time": "1s"}"#);
        assert_eq!(longest(100, &closed, 20.0), Some(210.0));
        assert_eq!(longest(1, &closed, 20.0), Some(21.0));
        let constant = load(r#"{"shape": "constant", "rate": 5.0, "max_in_flight": 100}"#);
        assert_eq!(longest(100, &constant, 20.0), Some(20.0 + 40.0));
        let ramp = load(r#"{"shape": "ramp", "from": 1.0, "to": 5.0, "over": "30s", "max_in_flight": 50}"#);
        assert_eq!(longest(100, &ramp, 20.0), Some(40.0 + 30.0 + 40.0));
    }

    #[test]
    fn a_trace_has_its_own_pace() {
        let trace = load(r#"{"shape": "trace", "path": "a.txt"}"#);
        assert_eq!(longest(100, &trace, 20.0), None);
    }
}
