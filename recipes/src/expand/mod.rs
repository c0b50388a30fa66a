//! From checked sections to the plan.

mod nodes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;

use serde_json::{Map, Value};

use crate::canonical::{point_digits, sha256_hex, trial_id, trial_seed};
use crate::catalog::{InvalidOptions, ServiceCatalog};
use crate::files::PathBase;
use crate::plan::{
    PLAN_VERSION, Plan, SearchPlan, SecretSource, ServicePlan, TrialPlan, Window, WorkloadPlan, setups,
};
use crate::recipe::{Cooldown, Image, Load, Nodes, Prompts, Recipe, Search, Secrets, Service, Workload};
use crate::secret_words::without_secrets;
use crate::sweep::{arrange, number};
use nodes::Most;

/// Collects the points of a sweep.
pub(crate) struct Expansion<'a> {
    catalog: &'a dyn ServiceCatalog,
    paths: &'a PathBase,
    services: Vec<ServicePlan>,
    /// Services by their text in the recipe and their nodes, then by what they are with all defaults: both lead to an index.
    by_recipe: HashMap<(String, ServerCounts), usize>,
    by_plan: HashMap<String, usize>,
    points: Vec<PointPlan>,
    /// What the points so far need of the allocation.
    most: Most,
}

/// Server nodes, and instances on each: what a service depends on besides its own section.
type ServerCounts = (NonZeroU32, NonZeroU32);

/// A point of the sweep, explicit but not yet repeated.
struct PointPlan {
    parameters: Map<String, Value>,
    service: usize,
    clients: NonZeroU32,
    workload: WorkloadPlan,
}

impl<'a> Expansion<'a> {
    /// Nothing yet.
    pub(crate) fn new(catalog: &'a dyn ServiceCatalog, paths: &'a PathBase) -> Self {
        Self {
            catalog,
            paths,
            services: Vec::new(),
            by_recipe: HashMap::new(),
            by_plan: HashMap::new(),
            points: Vec::new(),
            most: Most::LEAST,
        }
    }

    /// Adds a point. `text` is the service's section as text: points with the same one, on as many nodes, share the service.
    pub(crate) fn add(
        &mut self,
        parameters: Map<String, Value>,
        (service, text): (&Service, String),
        workload: WorkloadPlan,
        nodes: &Nodes,
    ) -> Result<(), InvalidOptions> {
        self.most.include(nodes);
        let key = (text, (nodes.servers.count, nodes.servers.instances_per_node));
        let service = match self.by_recipe.get(&key) {
            Some(index) => *index,
            None => self.add_service(service, key, nodes)?,
        };
        self.points.push(PointPlan {
            parameters,
            service,
            clients: nodes::agents(nodes),
            workload,
        });
        Ok(())
    }

    fn add_service(
        &mut self,
        service: &Service,
        key: (String, ServerCounts),
        nodes: &Nodes,
    ) -> Result<usize, InvalidOptions> {
        let plan = resolve_service(service, nodes, self.catalog, self.paths)?;
        let explicit = serde_json::to_string(&plan).map_err(|source| InvalidOptions {
            kind: service.kind.clone(),
            source,
        })?;
        let next = self.services.len();
        let index = *self.by_plan.entry(explicit).or_insert(next);
        if index == next {
            self.services.push(plan);
        }
        self.by_recipe.insert(key, index);
        Ok(index)
    }

    /// Repeats and orders the points and adds what all trials have in common.
    pub(crate) fn finish(mut self, mut recipe: Recipe, source: &[u8], overrides: &[String]) -> Plan {
        let seed = recipe.sweep.seed;
        self.most.apply(&mut recipe.nodes);
        let mut trials = repeat(&self.points, recipe.sweep.repetitions.get(), seed);
        self.most.leave_out_all(&mut self.services, &mut trials);
        arrange(&mut trials, &setups(&self.services), recipe.sweep.order, seed);
        let services = in_order_of_use(self.services, &mut trials);
        let search = searched(recipe.sweep.search.as_ref(), &mut trials);
        let nodes = nodes::planned(&recipe.nodes);
        let mut storage = recipe.storage;
        if storage.scratch != "auto" {
            storage.scratch = self.paths.absolute_text(&storage.scratch);
        }
        let plan = Plan {
            version: PLAN_VERSION,
            hash: String::new(),
            name: recipe.name,
            description: recipe.description,
            metadata: recipe.metadata,
            schema: recipe.schema,
            recipe_sha256: sha256_hex(source),
            overrides: overrides.iter().map(|text| without_secrets(text)).collect(),
            seed,
            launch: recipe.launch,
            resources: resolve_nodes(recipe.nodes, self.paths),
            network: recipe.network,
            storage,
            nodes,
            services,
            trials,
            search,
            monitoring: recipe.monitoring,
            logging: recipe.logging,
            report: recipe.report,
        };
        plan.sealed()
    }
}

/// Every point, so often; a pass over all points is complete before the next one begins.
fn repeat(points: &[PointPlan], repetitions: u32, seed: u64) -> Vec<TrialPlan> {
    let digits: Vec<String> = points
        .iter()
        .map(|point| point_digits(&point.parameters))
        .collect();
    let mut trials = Vec::with_capacity(points.len() * repetitions as usize);
    for repetition in 1..=repetitions {
        for (point, digits) in points.iter().zip(&digits) {
            let id = trial_id(digits, repetition);
            trials.push(TrialPlan {
                seed: trial_seed(seed, &id),
                id,
                parameters: point.parameters.clone(),
                repetition,
                service: point.service,
                client_nodes: Some(point.clients),
                workload: point.workload.clone(),
            });
        }
    }
    trials
}

/// The search, if the sweep is one: its points were the ends of its range, which are no trials yet.
fn searched(search: Option<&Search>, trials: &mut Vec<TrialPlan>) -> Option<SearchPlan> {
    let search = search?;
    let lowest = trials
        .drain(..)
        .find(|trial| trial.parameters.values().next() == Some(&number(search.from)))?;
    Some(SearchPlan {
        parameter: search.parameter,
        from: search.from,
        to: search.to,
        max_trials: search.max_trials,
        service: lowest.service,
        workload: lowest.workload,
    })
}

/// Puts services in the order in which trials need them.
fn in_order_of_use(services: Vec<ServicePlan>, trials: &mut [TrialPlan]) -> Vec<ServicePlan> {
    let mut waiting: Vec<Option<ServicePlan>> = services.into_iter().map(Some).collect();
    let mut new_index: Vec<usize> = vec![0; waiting.len()];
    let mut ordered = Vec::with_capacity(waiting.len());
    for trial in trials {
        if let Some(service) = waiting.get_mut(trial.service).and_then(Option::take) {
            if let Some(index) = new_index.get_mut(trial.service) {
                *index = ordered.len();
            }
            ordered.push(service);
        }
        trial.service = new_index.get(trial.service).copied().unwrap_or_default();
    }
    ordered
}

fn resolve_nodes(mut nodes: Nodes, paths: &PathBase) -> Nodes {
    nodes.clients.image = nodes.clients.image.map(|image| paths.absolute_text(&image));
    nodes
}

fn resolve_service(
    service: &Service,
    nodes: &Nodes,
    catalog: &dyn ServiceCatalog,
    paths: &PathBase,
) -> Result<ServicePlan, InvalidOptions> {
    let default_model = catalog
        .describe(&service.kind)
        .and_then(|kind| kind.default_model)
        .unwrap_or_default();
    let image = service.image.as_ref().map(|image| Image {
        path: paths.absolute_text(&image.path),
        ..image.clone()
    });
    let secrets: BTreeMap<String, SecretSource> = match &service.secrets {
        Secrets::Files(files) => files
            .iter()
            .map(|(name, secret)| (name.clone(), SecretSource::File(paths.absolute(&secret.file))))
            .collect(),
        Secrets::Variables(names) => names
            .iter()
            .map(|name| (name.clone(), SecretSource::Variable(name.clone())))
            .collect(),
    };
    Ok(ServicePlan {
        kind: service.kind.clone(),
        model: service.model.clone().unwrap_or_else(|| default_model.to_owned()),
        image,
        options: catalog.complete_options(&service.kind, &service.options)?,
        endpoints: service.endpoints.clone(),
        server_nodes: Some(nodes.servers.count),
        instances_per_node: nodes.servers.instances_per_node.get(),
        nodes_per_instance: catalog.placement(service).nodes_per_instance(nodes.servers.count),
        environment: service.environment.clone(),
        secrets,
        binds: service
            .binds
            .iter()
            .map(|bind| absolute_bind(bind, paths))
            .collect(),
        health: service.health,
        restart: service.restart,
        insecure: service.insecure,
    })
}

/// A bind with its host's path absolute; what follows the first colon is the container's.
fn absolute_bind(bind: &str, paths: &PathBase) -> String {
    match bind.split_once(':') {
        Some((host, rest)) => format!("{}:{rest}", paths.absolute_text(host)),
        None => paths.absolute_text(bind),
    }
}

/// A workload with all defaults explicit, or `None` if it is not clear what ends its window.
pub(crate) fn resolve_workload(workload: Workload, paths: &PathBase) -> Option<WorkloadPlan> {
    let window = match (workload.duration, workload.requests) {
        (Some(duration), None) => Window::Duration(duration),
        (None, Some(requests)) => Window::Requests(requests),
        _ => return None,
    };
    let cooldown = workload.cooldown.unwrap_or(match window {
        Window::Duration(_) => Cooldown::Load,
        Window::Requests(_) => Cooldown::Drain,
    });
    let mut load = workload.load;
    if let Load::Trace { path, .. } = &mut load {
        *path = paths.absolute_text(path);
    }
    let mut prompts = workload.prompts;
    if let Prompts::File { path, .. } = &mut prompts {
        *path = paths.absolute_text(path);
    }
    let (Prompts::Synthetic { tokenizer, .. } | Prompts::File { tokenizer, .. }) = &mut prompts;
    if let Some(tokenizer) = tokenizer {
        *tokenizer = paths.absolute_text(tokenizer);
    }
    Some(WorkloadPlan {
        endpoint: workload.endpoint,
        stream: workload.stream,
        load,
        warmup: workload.warmup,
        window,
        cooldown,
        timeout: workload.timeout,
        connections: workload.connections,
        engine: workload.engine,
        tolerance: workload.tolerance,
        prompts,
        sampling: workload.sampling,
        keep_text: workload.keep_text,
        slo: workload.slo,
        goodput: workload.goodput,
    })
}
