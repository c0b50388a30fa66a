//! Plans, workloads and contexts for tests.

use hpcbench_recipes::ServiceProblem;
use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Service as ServiceSection, Workload};
use serde_json::{Value, json};

use crate::launch::{Extras, LaunchCommand, LaunchContext, Start};
use crate::service::Service;

/// The plan of a service with these options; the rest are defaults.
pub(crate) fn plan(service: &dyn Service, model: &str, options: &Value) -> ServicePlan {
    let options = service.complete_options(options.as_object().unwrap()).unwrap();
    ServicePlan {
        kind: service.kind(),
        model: model.to_owned(),
        image: None,
        options,
        endpoints: Vec::new(),
        server_nodes: None,
        instances_per_node: 1,
        nodes_per_instance: std::num::NonZeroU32::MIN,
        environment: [("FROM_RECIPE".to_owned(), "yes".to_owned())].into(),
        secrets: [].into(),
        binds: Vec::new(),
        health: hpcbench_recipes::recipe::Health::default(),
        restart: hpcbench_recipes::recipe::Restart::default(),
        insecure: false,
    }
}

/// Where it is started.
pub(crate) fn context() -> LaunchContext {
    LaunchContext {
        host: "127.0.0.1".parse().unwrap(),
        port: 4000,
        hpcbench_exe: "/bin/hpcbench".into(),
        run_dir: "runs/x".into(),
        scratch: "/scratch/i".into(),
        instance: 2,
        gpus: 0,
        extras: Extras::default(),
    }
}

/// How it is started.
pub(crate) fn command(service: &dyn Service, plan: &ServicePlan) -> LaunchCommand {
    launched(service.start(plan, &context()).unwrap())
}

pub(crate) fn launched(start: Start) -> LaunchCommand {
    match start {
        Start::Launch(command) => command,
        Start::OnCluster(_) | Start::External => panic!("not launched"),
    }
}

/// A command's arguments.
pub(crate) fn words(command: &LaunchCommand) -> Vec<&str> {
    command
        .arguments
        .iter()
        .map(|word| word.to_str().unwrap())
        .collect()
}

/// Four clients that ask for so many tokens.
pub(crate) fn workload(input: u32, output: u32) -> Workload {
    serde_json::from_value(json!({
        "load": {"shape": "closed", "concurrency": 4},
        "duration": "1s",
        "prompts": {"source": "synthetic", "input_tokens": input, "output_tokens": output},
    }))
    .unwrap()
}

/// The section of a recipe.
pub(crate) fn section(service: &dyn Service, model: &str, options: &Value) -> ServiceSection {
    serde_json::from_value(json!({"kind": service.kind(), "model": model, "options": options})).unwrap()
}

/// Problems of a recipe.
pub(crate) fn problems(
    service: &dyn Service,
    model: &str,
    options: &Value,
    workload: &Workload,
) -> Vec<ServiceProblem> {
    service.check(&section(service, model, options), workload)
}

/// Where the problems are.
pub(crate) fn places(problems: &[ServiceProblem]) -> Vec<String> {
    problems.iter().map(|problem| problem.path.join("/")).collect()
}
