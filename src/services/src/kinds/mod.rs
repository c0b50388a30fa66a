//! The registry: the kinds of services that this build can run, each with a file or folder of its own beside this one.

mod custom;
#[cfg(test)]
mod example;
mod llama_cpp;
mod ollama;
mod openai;
mod simulator;
mod vllm;
mod vllm_ray;

use std::fmt;

use hpcbench_recipes::recipe::{Nodes, Service as ServiceSection, ServiceKind, Workload};
use hpcbench_recipes::{InvalidOptions, KindDescription, Placement, Plan, ServiceCatalog, ServiceProblem};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use self::custom::Custom;
use self::llama_cpp::LlamaCpp;
use self::ollama::Ollama;
use self::openai::OpenAi;
use self::simulator::Simulator;
use self::vllm::Vllm;
use self::vllm_ray::VllmRay;
use crate::service::Service;

/// Every kind, once, in the order in which they are shown.
const KINDS: &[&dyn Service] = &[&Ollama, &Vllm, &VllmRay, &LlamaCpp, &OpenAi, &Simulator, &Custom];

/// The kinds of this build.
pub const REGISTRY: Registry = Registry(KINDS);

/// The service of a kind, or `None` if this build cannot run it.
pub fn find(kind: &ServiceKind) -> Option<&'static dyn Service> {
    REGISTRY.find(kind)
}

/// A kind of the plan that this build cannot run: another build has made the plan.
pub fn unknown_kind(plan: &Plan) -> Option<&ServiceKind> {
    let mut kinds = plan.services.iter().map(|service| &service.kind);
    kinds.find(|kind| find(kind).is_none())
}

/// Kinds of services, as recipes see them.
#[derive(Clone, Copy)]
pub struct Registry(&'static [&'static dyn Service]);

impl Registry {
    fn find(self, kind: &ServiceKind) -> Option<&'static dyn Service> {
        self.0.iter().copied().find(|service| service.kind() == *kind)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.kinds()).finish()
    }
}

impl ServiceCatalog for Registry {
    fn kinds(&self) -> Vec<ServiceKind> {
        self.0.iter().map(|service| service.kind()).collect()
    }

    fn describe(&self, kind: &ServiceKind) -> Option<KindDescription> {
        self.find(kind).map(Service::describe)
    }

    fn options_schema(&self, kind: &ServiceKind, generator: &mut SchemaGenerator) -> Option<Schema> {
        self.find(kind).map(|service| service.options_schema(generator))
    }

    fn complete_options(
        &self,
        kind: &ServiceKind,
        options: &Map<String, Value>,
    ) -> Result<Map<String, Value>, InvalidOptions> {
        match self.find(kind) {
            Some(service) => service
                .complete_options(options)
                .map_err(|source| InvalidOptions {
                    kind: kind.clone(),
                    source,
                }),
            None => Ok(options.clone()),
        }
    }

    fn check(&self, service: &ServiceSection, workload: &Workload) -> Vec<ServiceProblem> {
        self.find(&service.kind)
            .map(|kind| kind.check(service, workload))
            .unwrap_or_default()
    }

    fn check_nodes(&self, service: &ServiceSection, nodes: &Nodes) -> Vec<ServiceProblem> {
        self.find(&service.kind)
            .map(|kind| kind.check_nodes(service, nodes))
            .unwrap_or_default()
    }

    fn placement(&self, service: &ServiceSection) -> Placement {
        self.find(&service.kind)
            .map(|kind| kind.placement(&service.options))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_there_once_and_has_sound_defaults() {
        for (index, service) in KINDS.iter().enumerate() {
            let kind = service.kind();
            assert!(KINDS[..index].iter().all(|other| other.kind() != kind));
            assert_eq!(kind.as_str().parse(), Ok(kind.clone()), "the name is no token");
            let defaults = service.complete_options(&Map::new()).unwrap();
            assert_eq!(service.complete_options(&defaults).unwrap(), defaults, "{kind}");
            let described = service.describe();
            assert!(!described.endpoints.is_empty(), "{kind}");
            assert!(described.summary.ends_with('.'), "{kind}");
        }
    }
}
