use std::num::NonZeroU32;

use serde_json::json;

use super::*;
use crate::launch::{Extras, SHORT_PATH_BYTES, Token};
use crate::testing;

const MODEL: &str = "org/model-70b";

fn context(index: u32) -> LaunchContext {
    LaunchContext {
        host: format!("10.0.0.{}", index + 1).parse().unwrap(),
        gpus: 4,
        extras: Extras {
            ports: (5000..).take(command::PORTS).collect(),
            short_path: "/tmp/hb-0a1b2c3d".into(),
        },
        ..testing::context()
    }
}

fn rank(index: u32) -> Rank {
    Rank {
        index,
        of: NonZeroU32::new(2).unwrap(),
        head: "10.0.0.1".parse().unwrap(),
        rendezvous_port: 6400,
        head_ports: Vec::new(),
        interface: Some("ib0".to_owned()),
    }
}

fn plan(options: &Value) -> ServicePlan {
    testing::plan(&VllmRay, MODEL, options)
}

fn head(plan: &ServicePlan) -> OnCluster {
    match VllmRay.start_rank(plan, &context(0), &rank(0)).unwrap() {
        Start::OnCluster(on_cluster) => *on_cluster,
        start => panic!("{start:?}"),
    }
}

#[test]
fn a_head_with_ports_and_a_directory_of_its_own() {
    let plan = plan(&json!({"tensor_parallel_size": 4, "pipeline_parallel_size": 2, "hf_home": "/hf"}));
    let OnCluster {
        node,
        status,
        service,
    } = head(&plan);
    let words = testing::words(&node).join(" ");
    let workers: Vec<String> = (5008..5072).map(|port| port.to_string()).collect();
    assert_eq!(
        words,
        format!(
            "start --block --port=6400 --include-dashboard=false --ray-client-server-port=5001 --node-ip-address=10.0.0.1 \
             --node-manager-port=5002 --object-manager-port=5003 --dashboard-agent-listen-port=5004 \
             --dashboard-agent-grpc-port=5005 --runtime-env-agent-port=5006 --metrics-export-port=5007 --worker-port-list={} --num-cpus=5 --num-gpus=4 \
             --object-store-memory=1073741824 --temp-dir=/tmp/hb-0a1b2c3d/ray --disable-usage-stats --log-style=record \
             --log-color=false --head",
            workers.join(",")
        )
    );
    assert!("/tmp/hb-0a1b2c3d/ray".len() <= SHORT_PATH_BYTES);
    assert_eq!(testing::words(&status), ["status", "--address=10.0.0.1:6400"]);
    assert_eq!(
        testing::words(&service).join(" "),
        "serve org/model-70b --served-model-name org/model-70b --host 10.0.0.1 --port 4000 --tensor-parallel-size 4 \
         --pipeline-parallel-size 2 --distributed-executor-backend ray"
    );
    assert_eq!(service.environment["RAY_ADDRESS"], "10.0.0.1:6400");
}

#[test]
fn another_node_joins_the_head() {
    let Start::Launch(node) = VllmRay
        .start_rank(&plan(&json!({})), &context(1), &rank(1))
        .unwrap()
    else {
        panic!("it has nothing to wait for");
    };
    let words = testing::words(&node).join(" ");
    assert!(
        words.starts_with("start --block --address=10.0.0.1:6400 --node-ip-address=10.0.0.2 "),
        "{words}"
    );
    for flag in ["--head", "--port", "dashboard=", "client-server"] {
        assert!(!words.contains(flag), "{words}");
    }
    assert_eq!(node.environment["VLLM_HOST_IP"], "10.0.0.2");
    assert_eq!(node.environment["NCCL_SOCKET_IFNAME"], "ib0");
    assert_eq!(node.environment["GLOO_SOCKET_IFNAME"], "ib0");
}

#[test]
fn every_command_has_the_token_and_no_other_knows_it() {
    let OnCluster {
        node,
        status,
        service,
    } = head(&plan(&json!({})));
    for command in [node, status, service] {
        assert_eq!(command.environment["RAY_AUTH_MODE"], "token");
        assert_eq!(command.tokens["RAY_AUTH_TOKEN"], Token::Instance);
        // The path would be carried to nodes that do not have it.
        assert!(!command.environment.contains_key("VLLM_CACHE_ROOT"));
    }
}

#[test]
fn containers_have_their_cache_at_the_same_place() {
    let mut plan = plan(&json!({}));
    plan.image = serde_json::from_value(json!({"path": "vllm-ray.sif"})).unwrap();
    let OnCluster { node, service, .. } = head(&plan);
    for command in [node, service] {
        assert_eq!(command.environment["VLLM_CACHE_ROOT"], "/tmp/vllm");
    }
}

#[test]
fn options_are_vllms_and_rays() {
    let defaults = VllmRay.complete_options(&Map::new()).unwrap();
    assert_eq!(
        defaults["ray"],
        json!({"program": "ray", "cpus": null, "gpus": null, "object_store_memory": "1GiB", "client_server": true})
    );
    assert_eq!(defaults["tensor_parallel_size"], 1);
    assert!(!defaults.contains_key("nodes_per_instance"));
    for wrong in [
        json!({"nodes_per_instance": 2}),
        json!({"ray": {"gpu": 2}}),
        json!({"rays": {}}),
    ] {
        assert!(
            VllmRay.complete_options(wrong.as_object().unwrap()).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn what_cannot_be_is_refused() {
    for (options, place) in [
        (json!({"max_model_len": 100}), "options/max_model_len"),
        (
            json!({"extra_args": ["--distributed-executor-backend=mp"]}),
            "options/extra_args/0",
        ),
        (
            json!({"ray": {"object_store_memory": "1MiB"}}),
            "options/ray/object_store_memory",
        ),
        (json!({"data_parallel_size": 2}), "options/data_parallel_size"),
    ] {
        let problems = testing::problems(&VllmRay, MODEL, &options, &testing::workload(90, 11));
        assert_eq!(testing::places(&problems), [place], "{options}: {problems:?}");
    }
    let mut section = testing::section(&VllmRay, MODEL, &json!({}));
    section
        .environment
        .insert("RAY_AUTH_MODE".to_owned(), "none".to_owned());
    let problems = VllmRay.check(&section, &testing::workload(8, 8));
    assert_eq!(testing::places(&problems), ["environment/RAY_AUTH_MODE"]);
}

#[test]
fn sizes_fit_all_nodes_together() {
    let check = |options: Value, servers: Value| {
        let section = testing::section(&VllmRay, MODEL, &options);
        let nodes = serde_json::from_value(json!({ "servers": servers })).unwrap();
        let problems = VllmRay.check_nodes(&section, &nodes);
        problems
            .iter()
            .map(|problem| (problem.path.join("/"), problem.advice_only))
            .collect::<Vec<_>>()
    };
    let nodes = json!({"count": 3, "gpus": 4});
    let size = |tensor: u32, pipeline: u32| json!({"tensor_parallel_size": tensor, "pipeline_parallel_size": pipeline});
    assert_eq!(check(size(4, 3), nodes.clone()), []);
    assert_eq!(
        check(size(4, 4), nodes.clone()),
        [("options/tensor_parallel_size".to_owned(), false)]
    );
    assert_eq!(
        check(size(4, 2), nodes),
        [("options/tensor_parallel_size".to_owned(), true)]
    );
    let crowded = json!({"count": 2, "gpus": 4, "instances_per_node": 2});
    assert_eq!(check(size(4, 2), crowded), [("kind".to_owned(), false)]);
    let pretended = json!({"tensor_parallel_size": 2, "ray": {"gpus": 1}});
    assert_eq!(check(pretended, json!({"count": 2})), []);
}
