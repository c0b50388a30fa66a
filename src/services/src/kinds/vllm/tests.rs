use std::num::NonZeroU32;

use serde_json::json;

use super::*;
use crate::endpoint::ApiKey;
use crate::launch::Token;
use crate::testing;

const MODEL: &str = "org/model-8b";

#[test]
fn one_node() {
    let options = json!({
        "model_path": "/models/m", "tensor_parallel_size": 2, "max_model_len": 4096, "gpu_memory_utilization": 0.85,
        "max_num_seqs": 128, "enable_chunked_prefill": true, "enable_prefix_caching": false, "dtype": "bfloat16",
        "enforce_eager": true, "hf_home": "/hf", "extra_args": ["--swap-space", "0"],
    });
    let plan = testing::plan(&Vllm, MODEL, &options);
    let command = testing::command(&Vllm, &plan);
    assert_eq!(
        testing::words(&command).join(" "),
        "serve /models/m --served-model-name org/model-8b --host 127.0.0.1 --port 4000 --tensor-parallel-size 2 \
         --pipeline-parallel-size 1 --max-model-len 4096 --gpu-memory-utilization 0.85 --max-num-seqs 128 --dtype bfloat16 \
         --enable-chunked-prefill --no-enable-prefix-caching --enforce-eager --swap-space 0"
    );
    for (name, value) in [
        ("HF_HOME", "/hf"),
        ("HF_HUB_OFFLINE", "1"),
        ("VLLM_NO_USAGE_STATS", "1"),
        ("VLLM_HOST_IP", "127.0.0.1"),
        ("VLLM_CACHE_ROOT", "/scratch/i/vllm"),
    ] {
        assert_eq!(command.environment[name], value);
    }
    assert!(!command.environment.contains_key("VLLM_SERVER_DEV_MODE"));
    assert_eq!(command.paths.len(), 2);
}

#[test]
fn a_home_is_written_to_only_where_models_are_fetched() {
    let is_writable = |options: Value| {
        let plan = testing::plan(&Vllm, MODEL, &options);
        let command = testing::command(&Vllm, &plan);
        assert_eq!(command.environment["HF_MODULES_CACHE"], "/scratch/i/hf-modules");
        command.paths[0].writable
    };
    assert!(!is_writable(json!({"hf_home": "/hf"})));
    assert!(is_writable(json!({"hf_home": "/hf", "offline": false})));
}

#[test]
fn defaults_are_left_to_the_server() {
    let plan = testing::plan(&Vllm, MODEL, &json!({}));
    assert_eq!(
        testing::words(&testing::command(&Vllm, &plan)).join(" "),
        "serve org/model-8b --served-model-name org/model-8b --host 127.0.0.1 --port 4000 --tensor-parallel-size 1 \
         --pipeline-parallel-size 1"
    );
}

#[test]
fn only_this_run_s_clients_may_ask() {
    let mut plan = testing::plan(&Vllm, MODEL, &json!({}));
    let key = |plan: &ServicePlan| {
        let endpoints = Vllm.endpoints(plan, &testing::context()).unwrap();
        endpoints[0].api_key.clone()
    };
    assert_eq!(key(&plan), Some(ApiKey::OfTheRun));
    assert_eq!(
        testing::command(&Vllm, &plan).tokens,
        [(KEY_VARIABLE.to_owned(), Token::ApiKey)].into()
    );
    let source = hpcbench_recipes::plan::SecretSource::File("/k".into());
    plan.secrets.insert(KEY_VARIABLE.to_owned(), source);
    assert_eq!(key(&plan), Some(ApiKey::Secret(KEY_VARIABLE.to_owned())));
    let command = testing::command(&Vllm, &plan);
    assert!(command.secrets.contains_key(KEY_VARIABLE) && command.tokens.is_empty());
    assert!(!command.environment.contains_key(KEY_VARIABLE));
}

#[test]
fn ranks_of_several_nodes() {
    let plan = testing::plan(
        &Vllm,
        MODEL,
        &json!({"tensor_parallel_size": 8, "nodes_per_instance": 2}),
    );
    let rank = |index: u32| {
        let rank = Rank {
            index,
            of: NonZeroU32::new(2).unwrap(),
            head: "10.0.0.1".parse().unwrap(),
            rendezvous_port: 29501,
            head_ports: vec![29502],
            interface: Some("ib0".to_owned()),
        };
        let mut context = testing::context();
        context.host = format!("10.0.0.{}", index + 1).parse().unwrap();
        testing::launched(Vllm.start_rank(&plan, &context, &rank).unwrap())
    };
    let (head, other) = (rank(0), rank(1));
    let common = "--distributed-executor-backend mp --nnodes 2 --node-rank";
    let ending = "--master-addr 10.0.0.1 --master-port 29501";
    assert!(
        testing::words(&head)
            .join(" ")
            .ends_with(&format!("{common} 0 {ending}"))
    );
    assert!(
        testing::words(&other)
            .join(" ")
            .ends_with(&format!("{common} 1 {ending} --headless"))
    );
    assert_eq!(other.environment["VLLM_HOST_IP"], "10.0.0.2");
    assert_eq!(other.environment["NCCL_SOCKET_IFNAME"], "ib0");
    assert_eq!(other.environment["GLOO_SOCKET_IFNAME"], "ib0");
    assert_eq!(other.environment["NCCL_DEBUG"], "INFO");
    assert_eq!(
        Vllm.placement(&plan.options),
        Placement::Spanning {
            nodes: NonZeroU32::new(2).unwrap()
        }
    );
}

#[test]
fn copies_of_the_model_meet_at_a_port_that_is_free() {
    let words = |options: Value, rank: Option<u32>| {
        let plan = testing::plan(&Vllm, MODEL, &options);
        let context = testing::context();
        let Some(index) = rank else {
            assert_eq!(Vllm.needs(&plan).head_ports, 0);
            return testing::words(&testing::command(&Vllm, &plan)).join(" ");
        };
        let rank = Rank {
            index,
            of: NonZeroU32::new(2).unwrap(),
            head: "10.0.0.1".parse().unwrap(),
            rendezvous_port: 29501,
            head_ports: vec![29502; Vllm.needs(&plan).head_ports],
            interface: None,
        };
        testing::words(&testing::launched(
            Vllm.start_rank(&plan, &context, &rank).unwrap(),
        ))
        .join(" ")
    };
    let alone = words(json!({"data_parallel_size": 4}), None);
    assert!(
        alone.ends_with("--pipeline-parallel-size 1 --data-parallel-size 4"),
        "{alone}"
    );
    let split = json!({"data_parallel_size": 4, "nodes_per_instance": 2});
    for index in [0, 1] {
        let rank = words(split.clone(), Some(index));
        assert!(
            rank.contains("--data-parallel-size 4 ") && rank.contains("--data-parallel-rpc-port 29502"),
            "{rank}"
        );
    }
    let one_copy = words(
        json!({"tensor_parallel_size": 4, "nodes_per_instance": 2}),
        Some(1),
    );
    assert!(!one_copy.contains("--data-parallel"), "{one_copy}");
}

#[test]
fn what_cannot_be_is_refused() {
    for (options, place) in [
        (json!({"max_model_len": 100}), "options/max_model_len"),
        (
            json!({"extra_args": ["--seed", "1", "--port=80"]}),
            "options/extra_args/2",
        ),
        (
            json!({"extra_args": ["--tensor_parallel", "2"]}),
            "options/extra_args/0",
        ),
        (json!({"extra_args": ["--api-key", "x"]}), "options/extra_args/0"),
        (json!({"extra_args": ["-n", "2"]}), "options/extra_args/0"),
        (json!({"extra_args": ["-r=1"]}), "options/extra_args/0"),
        (
            json!({"extra_args": ["--seed", "1", "--uds", "/tmp/s"]}),
            "options/extra_args/2",
        ),
        (
            json!({"extra_args": ["--data-parallel-size-local", "1"]}),
            "options/extra_args/0",
        ),
        (json!({"extra_args": ["-dpr", "1"]}), "options/extra_args/0"),
        (
            json!({"revision": "main", "model_path": "/m"}),
            "options/revision",
        ),
        (json!({"dev_mode": true}), "options/dev_mode"),
    ] {
        let problems = testing::problems(&Vllm, MODEL, &options, &testing::workload(90, 11));
        assert_eq!(testing::places(&problems), [place], "{options}: {problems:?}");
    }
    let flag = testing::problems(&Vllm, "--help", &json!({}), &testing::workload(8, 8));
    assert_eq!(testing::places(&flag), ["model"]);
    let fits = testing::problems(
        &Vllm,
        MODEL,
        &json!({"max_model_len": 101}),
        &testing::workload(90, 11),
    );
    assert_eq!(fits, []);
}

#[test]
fn a_container_is_told_where_models_are() {
    let places = |options: Value, model: &str| {
        let mut section = testing::section(&Vllm, model, &options);
        section.image = serde_json::from_value(json!({"path": "vllm.sif"})).unwrap();
        testing::places(&Vllm.check(&section, &testing::workload(8, 8)))
    };
    assert_eq!(places(json!({}), MODEL), ["options/hf_home"]);
    for options in [
        json!({"hf_home": "/hf"}),
        json!({"model_path": "/m"}),
        json!({"offline": false}),
    ] {
        assert!(places(options, MODEL).is_empty());
    }
    assert!(places(json!({}), "/models/m").is_empty());
    let plan = testing::plan(&Vllm, "/models/m", &json!({}));
    assert_eq!(
        testing::command(&Vllm, &plan).paths[0].path,
        std::path::Path::new("/models/m")
    );
}

#[test]
fn secrets_in_plain_are_refused() {
    let mut section = testing::section(&Vllm, MODEL, &json!({}));
    section
        .environment
        .insert("HF_TOKEN".to_owned(), "hf_x".to_owned());
    let problems = Vllm.check(&section, &testing::workload(8, 8));
    assert_eq!(testing::places(&problems), ["environment/HF_TOKEN"]);
    assert!(!format!("{problems:?}").contains("hf_x"));
}

#[test]
fn sizes_fit_the_nodes() {
    let check = |options: Value, servers: Value| {
        let section = testing::section(&Vllm, MODEL, &options);
        let nodes = serde_json::from_value(json!({ "servers": servers })).unwrap();
        let problems = Vllm.check_nodes(&section, &nodes);
        let found: Vec<_> = problems
            .iter()
            .map(|problem| (problem.path.join("/"), problem.advice_only))
            .collect();
        found
    };
    let error = |option: &str| vec![(format!("options/{option}"), false)];
    let warning = |option: &str| vec![(format!("options/{option}"), true)];
    let four = json!({"count": 2, "gpus": 4});
    assert_eq!(check(json!({"tensor_parallel_size": 4}), four.clone()), []);
    assert_eq!(
        check(
            json!({"tensor_parallel_size": 2, "pipeline_parallel_size": 2}),
            four.clone()
        ),
        []
    );
    assert_eq!(
        check(json!({"tensor_parallel_size": 8}), four.clone()),
        error("tensor_parallel_size")
    );
    assert_eq!(
        check(json!({"pipeline_parallel_size": 5}), four.clone()),
        error("pipeline_parallel_size")
    );
    assert_eq!(
        check(json!({"data_parallel_size": 8}), four.clone()),
        error("data_parallel_size")
    );
    assert_eq!(
        check(json!({"tensor_parallel_size": 2}), four.clone()),
        warning("tensor_parallel_size")
    );
    assert_eq!(
        check(
            json!({"tensor_parallel_size": 2}),
            json!({"gpus": 4, "instances_per_node": 2})
        ),
        []
    );
    // On nodes without GPUs nothing is known.
    assert_eq!(check(json!({"tensor_parallel_size": 2}), json!({})), []);
    let span = |size: u32| json!({"tensor_parallel_size": size, "nodes_per_instance": 2});
    assert_eq!(check(span(8), four), []);
    assert_eq!(
        check(span(8), json!({"count": 3, "gpus": 4})),
        error("nodes_per_instance")
    );
    let crowded = json!({"count": 2, "gpus": 4, "instances_per_node": 2});
    assert_eq!(check(span(4), crowded), error("nodes_per_instance"));
}
