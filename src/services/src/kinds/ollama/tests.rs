use serde_json::json;

use super::*;
use crate::testing;

const MODEL: &str = "llama3.1:8b";

#[test]
fn everything_is_told_by_the_environment() {
    let options = json!({"models_dir": "/project/models", "num_parallel": 32, "kv_cache_type": "q8_0", "flash_attention": true});
    let plan = testing::plan(&Ollama, MODEL, &options);
    let command = testing::command(&Ollama, &plan);
    assert_eq!(
        (command.program.to_str(), testing::words(&command)),
        (Some("ollama"), vec!["serve"])
    );
    let expected = [
        ("FROM_RECIPE", "yes"),
        ("HOME", "/scratch/i"),
        ("OLLAMA_CONTEXT_LENGTH", "4096"),
        ("OLLAMA_FLASH_ATTENTION", "1"),
        ("OLLAMA_HOST", "127.0.0.1:4000"),
        ("OLLAMA_KEEP_ALIVE", "-1"),
        ("OLLAMA_KV_CACHE_TYPE", "q8_0"),
        ("OLLAMA_LOAD_TIMEOUT", "24h"),
        ("OLLAMA_MAX_LOADED_MODELS", "1"),
        ("OLLAMA_MAX_QUEUE", "16384"),
        ("OLLAMA_MODELS", "/project/models"),
        ("OLLAMA_NOPRUNE", "1"),
        ("OLLAMA_NUM_PARALLEL", "32"),
        ("OLLAMA_SCHED_SPREAD", "0"),
    ];
    let environment: Vec<_> = command
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    assert_eq!(environment, expected);
    assert_eq!(command.paths.len(), 1);
    assert!(command.paths.iter().all(|path| !path.writable));
}

#[test]
fn an_ipv6_address_is_in_brackets() {
    let mut context = testing::context();
    context.host = "::1".parse().unwrap();
    assert_eq!(authority(&context), "[::1]:4000");
}

#[test]
fn what_would_spoil_a_measurement_is_refused() {
    let with = |extra: Value| {
        let mut options = json!({"models_dir": "/m", "num_parallel": 4});
        options
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        options
    };
    let places = |model: &str, options: Value, workload: Workload| {
        testing::places(&testing::problems(&Ollama, model, &options, &workload))
    };
    assert!(places(MODEL, with(json!({})), testing::workload(4000, 96)).is_empty());
    assert_eq!(
        places(MODEL, json!({"num_parallel": 4}), testing::workload(8, 8)),
        ["options/models_dir"]
    );
    assert_eq!(
        places("llama3.1", with(json!({})), testing::workload(8, 8)),
        ["model"]
    );
    assert!(places("hf.co/a/b-GGUF:Q4_K_M", with(json!({})), testing::workload(8, 8)).is_empty());
    assert_eq!(
        places(MODEL, with(json!({})), testing::workload(4000, 97)),
        ["options/context_length"]
    );
    assert_eq!(
        places(
            MODEL,
            with(json!({"max_queue": 2, "num_parallel": 1})),
            testing::workload(8, 8)
        ),
        ["options/max_queue"]
    );
    assert_eq!(
        places(
            MODEL,
            with(json!({"kv_cache_type": "q4_0"})),
            testing::workload(8, 8)
        ),
        ["options/kv_cache_type"]
    );
    let unsaid = testing::problems(
        &Ollama,
        MODEL,
        &json!({"models_dir": "/m"}),
        &testing::workload(8, 8),
    );
    assert_eq!(testing::places(&unsaid), ["options/num_parallel"]);
    assert!(unsaid[0].advice_only);
    let mut section = testing::section(&Ollama, MODEL, &with(json!({})));
    section
        .environment
        .insert("OLLAMA_NUM_PARALLEL".to_owned(), "4".to_owned());
    let problems = Ollama.check(&section, &testing::workload(8, 8));
    assert_eq!(testing::places(&problems), ["environment/OLLAMA_NUM_PARALLEL"]);
    assert_eq!(problems[0].help.as_deref(), Some("use `options.num_parallel`"));
}

#[test]
fn a_conversation_needs_room_for_all_of_it() {
    let workload: Workload = serde_json::from_value(json!({
        "load": {"shape": "closed", "concurrency": 1, "turns": 5},
        "duration": "1s",
        "prompts": {"source": "synthetic", "input_tokens": 800, "output_tokens": 100},
    }))
    .unwrap();
    let problems = testing::problems(&Ollama, MODEL, &json!({"models_dir": "/m"}), &workload);
    assert!(problems[0].message.contains("4500"), "{problems:?}");
}

#[test]
fn idle_gpus_are_told_of() {
    let section =
        |spread: bool| testing::section(&Ollama, MODEL, &json!({"models_dir": "/m", "spread": spread}));
    let nodes = |instances: u32| -> Nodes {
        serde_json::from_value(json!({"servers": {"gpus": 4, "instances_per_node": instances}})).unwrap()
    };
    let advice = Ollama.check_nodes(&section(false), &nodes(1));
    assert!(
        advice.len() == 1 && advice[0].advice_only && advice[0].message.contains("3 of 4"),
        "{advice:?}"
    );
    assert!(Ollama.check_nodes(&section(false), &nodes(4)).is_empty());
    assert!(Ollama.check_nodes(&section(true), &nodes(1)).is_empty());
    assert!(Ollama.check_nodes(&section(false), &Nodes::default()).is_empty());
}

#[test]
fn a_loaded_model_is_found_in_the_list() {
    let plan = testing::plan(&Ollama, MODEL, &json!({}));
    let warmup = Ollama.warmup(&plan).unwrap();
    assert_eq!(warmup.body, json!({"model": MODEL, "stream": false}));
    let body = br#"{"models":[{"name":"llama3.1:8b","model":"llama3.1:8b","size":6654289920,"size_vram":6000000000}]}"#;
    let loaded = warmup.loaded(body).unwrap().unwrap();
    assert_eq!((loaded.bytes, loaded.gpu_bytes), (6_654_289_920, 6_000_000_000));
    // A model that is on no GPU.
    let body = br#"{"models":[{"name":"llama3.1:8b","size":5}]}"#;
    assert_eq!(
        warmup.loaded(body).unwrap().map(|loaded| loaded.gpu_bytes),
        Some(0)
    );
    assert_eq!(warmup.loaded(br#"{"models":[]}"#).unwrap(), None);
    assert!(warmup.loaded(b"{}").is_err());
}
