//! The kinds in whole recipes: where problems are shown, and what is not run.

use hpcbench_recipes::{Checked, DiskFiles, Input, PathBase, RecipeChecker};
use hpcbench_services::REGISTRY;

/// A recipe with this service and these nodes, both in YAML's flow style, and this endpoint.
fn check_endpoint(service: &str, nodes: &str, endpoint: &str) -> Checked {
    let workload = format!(
        "{{endpoint: {endpoint}, load: {{shape: closed, concurrency: 4}}, requests: 2000, \
         prompts: {{source: synthetic, input_tokens: 64, output_tokens: 16}}}}"
    );
    let source = format!(
        "schema: hpcbench/v1\nname: test\nnodes: {nodes}\nservice: {service}\nworkload: {workload}\n"
    );
    let paths = PathBase {
        directory: "/".into(),
        home: None,
    };
    RecipeChecker::new(&REGISTRY).check(&Input {
        source: source.as_bytes(),
        overrides: &[],
        paths: &paths,
        files: &DiskFiles,
    })
}

fn check(service: &str, nodes: &str) -> Checked {
    check_endpoint(service, nodes, "chat")
}

fn found(checked: &Checked) -> Vec<(&str, &str)> {
    checked
        .diagnostics
        .iter()
        .map(|found| (found.code.as_str(), found.pointer.as_str()))
        .collect()
}

#[test]
fn recipes_of_every_kind_make_a_plan() {
    for service in [
        "{kind: ollama, model: \"llama3.1:8b\", options: {models_dir: /models, num_parallel: 4}}",
        "{kind: vllm, model: org/model, options: {tensor_parallel_size: 4}}",
        "{kind: llama-cpp, model: tiny, options: {model_path: /models/tiny.gguf}}",
        "{kind: custom, model: any, options: {command: [server, --port, \"{port}\"]}}",
    ] {
        let checked = check(service, "{servers: {gpus: 4, instances_per_node: 1}}");
        let advised = checked
            .diagnostics
            .iter()
            .filter(|found| found.is_error())
            .count();
        assert_eq!(advised, 0, "{service}: {:#?}", checked.diagnostics);
        let plan = checked.plan.unwrap();
        assert!(
            plan.is_intact() && plan.services[0].options.len() > 5,
            "{service}"
        );
    }
}

#[test]
fn a_wrong_option_is_shown_with_the_nearest_right_one() {
    for (service, option, nearest) in [
        (
            "{kind: ollama, model: \"m:1\", options: {models_dir: /m, num_parallel: 4, max_que: 4}}",
            "max_que",
            "max_queue",
        ),
        (
            "{kind: vllm, model: m, options: {max_model_length: 4}}",
            "max_model_length",
            "max_model_len",
        ),
        (
            "{kind: llama-cpp, model: m, options: {model_path: /m, slot: 4}}",
            "slot",
            "slots",
        ),
        (
            "{kind: custom, model: m, options: {command: [s, \"{port}\"], health: /x}}",
            "health",
            "health_path",
        ),
    ] {
        let checked = check(service, "{}");
        let place = format!("/service/options/{option}");
        assert_eq!(found(&checked), [("unknown-key", place.as_str())]);
        let help = checked.diagnostics[0].help.as_deref().unwrap_or_default();
        assert!(help.contains(&format!("`{nearest}`")), "{help}");
    }
}

#[test]
fn a_kind_that_there_is_not_is_shown_with_the_nearest_one() {
    let checked = check("{kind: vllm-rai, model: m}", "{}");
    assert_eq!(found(&checked), [("wrong-value", "/service/kind")]);
    let problem = &checked.diagnostics[0];
    let message = &problem.message;
    assert!(
        message.starts_with("`vllm-rai` is not one of `ollama`, `vllm`"),
        "{message}"
    );
    assert_eq!(problem.help.as_deref(), Some("did you mean `vllm-ray`?"));
}

#[test]
fn wrong_values_are_shown_at_the_value() {
    for (service, place) in [
        (
            "{kind: ollama, model: \"m:1\", options: {models_dir: models, num_parallel: 4}}",
            "/service/options/models_dir",
        ),
        (
            "{kind: ollama, model: \"m:1\", options: {models_dir: /m, num_parallel: 0}}",
            "/service/options/num_parallel",
        ),
        (
            "{kind: vllm, model: m, options: {gpu_memory_utilization: 1.5}}",
            "/service/options/gpu_memory_utilization",
        ),
        (
            "{kind: vllm, model: m, options: {program: ./vllm}}",
            "/service/options/program",
        ),
        (
            "{kind: vllm, model: m, options: {revision: \"--x\"}}",
            "/service/options/revision",
        ),
        (
            "{kind: llama-cpp, model: m, options: {model_path: /m, slots: many}}",
            "/service/options/slots",
        ),
        (
            "{kind: custom, model: m, options: {command: [s, \"{port}\"], answers: []}}",
            "/service/options/answers",
        ),
    ] {
        let checked = check(service, "{}");
        let pointers: Vec<&str> = found(&checked).into_iter().map(|(_, pointer)| pointer).collect();
        assert_eq!(pointers, [place], "{service}: {:#?}", checked.diagnostics);
    }
}

#[test]
fn an_endpoint_that_a_kind_does_not_answer_is_refused() {
    let checked = check_endpoint("{kind: vllm, model: m}", "{}", "generate");
    assert_eq!(found(&checked), [("endpoint-dialect", "/workload/endpoint")]);
}

#[test]
fn gpus_are_counted_before_anything_starts() {
    let vllm = |options: &str| format!("{{kind: vllm, model: m, options: {options}}}");
    let checked = check(&vllm("{tensor_parallel_size: 8}"), "{servers: {gpus: 4}}");
    assert_eq!(
        found(&checked),
        [("service-option", "/service/options/tensor_parallel_size")]
    );
    assert!(
        checked.diagnostics[0]
            .message
            .contains("8 × 1 × 1 = 8 GPUs, but an instance has 4")
    );
    let checked = check(&vllm("{}"), "{servers: {gpus: 4}}");
    assert_eq!(
        found(&checked),
        [("service-advice", "/service/options/tensor_parallel_size")]
    );
    assert!(checked.plan.is_some());
}

#[test]
fn an_instance_may_span_nodes() {
    let nodes_per_instance = |service: &str, servers: &str| {
        let checked = check(service, &format!("{{servers: {servers}}}"));
        assert_eq!(found(&checked), [], "{service}");
        checked.plan.unwrap().services[0].nodes_per_instance.get()
    };
    let own = "{kind: vllm, model: m, options: {tensor_parallel_size: 8, nodes_per_instance: 2}}";
    assert_eq!(nodes_per_instance(own, "{count: 4, gpus: 4}"), 2);
    let ray = "{kind: vllm-ray, model: m, options: {tensor_parallel_size: 4, pipeline_parallel_size: 3}}";
    assert_eq!(nodes_per_instance(ray, "{count: 3, gpus: 4}"), 3);
    let one = "{kind: vllm, model: m, options: {tensor_parallel_size: 4}}";
    assert_eq!(nodes_per_instance(one, "{count: 3, gpus: 4}"), 1);
}

#[test]
fn instances_that_span_nodes_are_held_against_the_nodes_of_each_trial() {
    let spans = |service: &str, sweep: &str| {
        let checked = check(service, &format!("{{servers: {{gpus: 4}}}}\nsweep: {sweep}"));
        let problems: Vec<String> = checked
            .diagnostics
            .iter()
            .map(|found| found.message.clone())
            .collect();
        let services = checked.plan.into_iter().flat_map(|plan| plan.services);
        let nodes: Vec<u32> = services.map(|service| service.nodes_per_instance.get()).collect();
        (problems, nodes)
    };
    let ray = "{kind: vllm-ray, model: m, options: {tensor_parallel_size: 4}}";
    let together =
        "{zip: [{nodes.servers.count: [1, 2, 4], service.options.pipeline_parallel_size: [1, 2, 4]}]}";
    assert_eq!(spans(ray, together), (vec![], vec![1, 2, 4]));
    let (problems, _) = spans(
        "{kind: vllm-ray, model: m, options: {tensor_parallel_size: 4, pipeline_parallel_size: 2}}",
        "{matrix: {nodes.servers.count: [2, 1]}}",
    );
    assert!(
        problems.len() == 1 && problems[0].ends_with("an instance has 4 (at nodes.servers.count=1)"),
        "{problems:?}"
    );
    let own = "{kind: vllm, model: m, options: {tensor_parallel_size: 8, nodes_per_instance: 2}}";
    assert_eq!(
        spans(own, "{matrix: {nodes.servers.count: [2, 4]}}"),
        (vec![], vec![2, 2])
    );
    let (problems, _) = spans(own, "{matrix: {nodes.servers.count: [2, 3]}}");
    assert!(
        problems.len() == 1 && problems[0].starts_with("3 server nodes cannot be divided"),
        "{problems:?}"
    );
}

#[test]
fn rays_options_are_suggested_at_their_place() {
    let checked = check(
        "{kind: vllm-ray, model: m, options: {ray: {objectstore_memory: 1GiB}}}",
        "{}",
    );
    assert_eq!(
        found(&checked),
        [("unknown-key", "/service/options/ray/objectstore_memory")]
    );
    assert!(
        checked.diagnostics[0]
            .help
            .as_deref()
            .is_some_and(|help| help.contains("object_store_memory")),
        "{:#?}",
        checked.diagnostics
    );
}
