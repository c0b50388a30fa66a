//! What a service's kind says of its endpoints.

use hpcbench_recipes::ServicePlan;
use hpcbench_services::{Extras, LaunchContext, ServiceEndpoint, find};

use crate::agent::AgentContext;
use crate::shell::describe;

/// A service's endpoints as its kind declares them, all alike but for their URLs. Those of services that are started have
/// addresses that only the orchestrator knows.
pub(crate) fn declared(context: &AgentContext, plan: &ServicePlan) -> Result<Vec<ServiceEndpoint>, String> {
    let Some(service) = find(&plan.kind) else {
        return Ok(Vec::new());
    };
    let anywhere = LaunchContext {
        host: std::net::Ipv4Addr::LOCALHOST.into(),
        port: 1,
        hpcbench_exe: context.spawner.hpcbench().to_path_buf(),
        run_dir: context.run_dir.clone(),
        scratch: context.scratch.path().to_path_buf(),
        instance: 0,
        gpus: 0,
        extras: Extras::default(),
    };
    service
        .endpoints(plan, &anywhere)
        .map_err(|error| describe(&error))
}
