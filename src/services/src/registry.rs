//! The kinds of services that this build can run.

use hpcbench_recipes::recipe::{Nodes, Service as ServiceSection, ServiceKind, Workload};
use hpcbench_recipes::{InvalidOptions, KindDescription, Placement, ServiceCatalog, ServiceProblem};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::custom::Custom;
use crate::llama_cpp::LlamaCpp;
use crate::ollama::Ollama;
use crate::openai::OpenAi;
use crate::service::Service;
use crate::simulator::Simulator;
use crate::vllm::Vllm;
use crate::vllm_ray::VllmRay;

/// Every kind, once.
const KINDS: [&dyn Service; 7] = [&Ollama, &Vllm, &VllmRay, &LlamaCpp, &OpenAi, &Simulator, &Custom];

/// The service of a kind, or `None` if this build cannot run it.
pub fn find(kind: ServiceKind) -> Option<&'static dyn Service> {
    KINDS.into_iter().find(|service| service.kind() == kind)
}

/// The registry as recipes see it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Registry;

impl ServiceCatalog for Registry {
    fn describe(&self, kind: ServiceKind) -> Option<KindDescription> {
        find(kind).map(Service::describe)
    }

    fn options_schema(&self, kind: ServiceKind, generator: &mut SchemaGenerator) -> Option<Schema> {
        find(kind).map(|service| service.options_schema(generator))
    }

    fn complete_options(
        &self,
        kind: ServiceKind,
        options: &Map<String, Value>,
    ) -> Result<Map<String, Value>, InvalidOptions> {
        match find(kind) {
            Some(service) => service
                .complete_options(options)
                .map_err(|source| InvalidOptions { kind, source }),
            None => Ok(options.clone()),
        }
    }

    fn check(&self, service: &ServiceSection, workload: &Workload) -> Vec<ServiceProblem> {
        find(service.kind)
            .map(|kind| kind.check(service, workload))
            .unwrap_or_default()
    }

    fn check_nodes(&self, service: &ServiceSection, nodes: &Nodes) -> Vec<ServiceProblem> {
        find(service.kind)
            .map(|kind| kind.check_nodes(service, nodes))
            .unwrap_or_default()
    }

    fn placement(&self, service: &ServiceSection) -> Placement {
        find(service.kind)
            .map(|kind| kind.placement(&service.options))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_there_once_and_has_sound_defaults() {
        for (index, service) in KINDS.into_iter().enumerate() {
            assert!(KINDS[..index].iter().all(|other| other.kind() != service.kind()));
            let defaults = service.complete_options(&Map::new()).unwrap();
            assert_eq!(
                service.complete_options(&defaults).unwrap(),
                defaults,
                "{}",
                service.kind()
            );
            assert!(!service.describe().endpoints.is_empty());
        }
    }
}
