//! The load, and what is varied of it.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::job::NodeCounts;
use super::old::{Old, count_of, duration_of, text_of};
use super::put_counts;
use super::service::OLLAMA;
use crate::draft::Draft;
use crate::tree::Node;
use crate::units::Duration;

/// Tokens of a prompt and of an answer where the old recipe does not say.
const INPUT_TOKENS: u64 = 512;
const OUTPUT_TOKENS: u64 = 128;

/// A measured window where the old recipe has none.
const DURATION: &str = "5m";

/// How bursts are: gamma distributed gaps of this shape.
const BURSTINESS: f64 = 0.25;

const SWEPT: &str = "the sweep below sets this";

pub(super) fn workload(old: &mut Old<'_>, new: &mut Draft, kind: &str, nodes: NodeCounts) {
    let endpoint = if kind == OLLAMA { "generate" } else { "completions" };
    new.put("workload.endpoint", endpoint);
    let suite = suite(old, nodes);
    load(old, new, &suite, nodes);
    new.put_some(
        "workload.warmup",
        old.duration("workload.warmup").map(|time| time.to_string()),
    );
    window(old, new, &suite);
    prompts(old, new);
    if kind == OLLAMA {
        new.put_with(
            "workload.sampling.ignore_eos",
            false,
            "Ollama does not know it: answers may end early",
        );
    }
}

/// An entry of the benchmark suite.
struct Entry {
    name: String,
    concurrency: u64,
    think_time: Duration,
    duration: Option<Duration>,
}

fn suite(old: &mut Old<'_>, nodes: NodeCounts) -> Vec<Entry> {
    let mut seen = HashSet::new();
    let mut entries = Vec::new();
    for (index, node) in old.items("workload.benchmark_suite").iter().enumerate() {
        let entry = entry(node, index, nodes);
        let key = (
            entry.concurrency,
            entry.think_time.as_micros(),
            entry.duration.map(Duration::as_micros),
        );
        if seen.insert(key) {
            entries.push(entry);
        } else {
            let path = format!("workload.benchmark_suite.{index}");
            old.lose_at(
                node.span,
                path,
                "the same load is there already: use `sweep.repetitions`",
            );
        }
    }
    entries
}

fn entry(node: &Node, index: usize, nodes: NodeCounts) -> Entry {
    let threads = node.child("num_threads").and_then(count_of).unwrap_or(1).max(1);
    Entry {
        name: node
            .child("name")
            .and_then(text_of)
            .unwrap_or_else(|| format!("entry {}", index + 1)),
        concurrency: threads * nodes.clients,
        think_time: node
            .child("sleep_seconds")
            .and_then(duration_of)
            .unwrap_or(Duration::ZERO),
        duration: node.child("duration").and_then(duration_of),
    }
}

fn load(old: &mut Old<'_>, new: &mut Draft, suite: &[Entry], nodes: NodeCounts) {
    let per_node = old
        .count("orchestration.node_allocation.clients.clients_per_node")
        .or_else(|| old.count("workload.clients_per_node"));
    if let Some(first) = suite.first() {
        let reason = "the benchmark suite says how many clients there are";
        for path in [
            "workload.concurrency",
            "workload.target_rps",
            "workload.request_distribution",
        ] {
            old.lose(path, reason);
        }
        lose_clients_per_node(old, reason);
        new.put("workload.load.shape", "closed");
        let remark = if suite.len() > 1 {
            SWEPT
        } else {
            "over all client nodes"
        };
        new.put_with("workload.load.concurrency", first.concurrency, remark);
        if !first.think_time.is_zero() {
            new.put("workload.load.think_time", first.think_time.to_string());
        }
        return;
    }
    if let Some(rate) = old.number("workload.target_rps").filter(|rate| *rate > 0.0) {
        return open_load(old, new, rate);
    }
    old.lose(
        "workload.request_distribution",
        "clients that wait for their answers have no distribution of arrivals",
    );
    new.put("workload.load.shape", "closed");
    let levels = old.counts("workload.concurrency");
    match (levels.is_empty(), per_node) {
        (false, _) => {
            lose_clients_per_node(
                old,
                "`workload.concurrency` says how many clients there are, over all nodes",
            );
            put_counts(new, "workload.load.concurrency", &levels);
        }
        (true, Some(clients)) => {
            new.put_with(
                "workload.load.concurrency",
                clients * nodes.clients,
                "over all client nodes",
            );
        }
        (true, None) => new.put_with(
            "workload.load.concurrency",
            nodes.clients,
            "the old recipe does not say: check this",
        ),
    }
}

fn lose_clients_per_node(old: &mut Old<'_>, reason: &str) {
    for path in [
        "orchestration.node_allocation.clients.clients_per_node",
        "workload.clients_per_node",
    ] {
        old.lose(path, reason);
    }
}

fn open_load(old: &mut Old<'_>, new: &mut Draft, rate: f64) {
    let distribution = old.text("workload.request_distribution").unwrap_or_default();
    let shape = match distribution.as_str() {
        "poisson" => "poisson",
        "burst" => "gamma",
        _ => "constant",
    };
    new.put("workload.load.shape", shape);
    let whole = rate.fract() == 0.0;
    new.put(
        "workload.load.rate",
        if whole { json!(rate as u64) } else { json!(rate) },
    );
    if shape == "gamma" {
        new.put_with(
            "workload.load.burstiness",
            BURSTINESS,
            "the old recipe does not say how bursty: check this",
        );
    }
    match old.counts("workload.concurrency").as_slice() {
        [] => {}
        [only] => new.put("workload.load.max_in_flight", *only),
        _ => old.lose(
            "workload.concurrency",
            "requests come at a rate here: the number of clients follows from it",
        ),
    }
}

/// The measured window, and the sweep over the suite.
fn window(old: &mut Old<'_>, new: &mut Draft, suite: &[Entry]) {
    let of_recipe = old.duration("workload.duration").map(|time| time.to_string());
    let default = of_recipe.clone().unwrap_or_else(|| DURATION.to_owned());
    let of_entry = |entry: &Entry| {
        entry
            .duration
            .map_or_else(|| default.clone(), |time| time.to_string())
    };
    let lengths: Vec<String> = suite.iter().map(of_entry).collect();
    let varies = lengths.iter().any(|length| Some(length) != lengths.first());
    match lengths.first() {
        Some(_) if varies => new.put_with("workload.duration", default, SWEPT),
        Some(length) => new.put("workload.duration", length.clone()),
        None if of_recipe.is_none() => {
            new.put_with(
                "workload.duration",
                default,
                "the old recipe does not say: check this",
            );
        }
        None => new.put("workload.duration", default),
    }
    if suite.len() > 1 {
        let names: Vec<&str> = suite.iter().map(|entry| entry.name.as_str()).collect();
        let remark = format!("the old suite, one column each: {}", names.join(", "));
        let axes = columns(suite, varies.then_some(lengths));
        new.put_with("sweep.zip", vec![axes], &remark.replace('\n', " "));
    }
}

/// The suite as parameters that advance together.
fn columns(suite: &[Entry], lengths: Option<Vec<String>>) -> Value {
    let mut axes = Map::new();
    let concurrency: Vec<u64> = suite.iter().map(|entry| entry.concurrency).collect();
    axes.insert("workload.load.concurrency".to_owned(), json!(concurrency));
    if suite.iter().any(|entry| !entry.think_time.is_zero()) {
        let times: Vec<String> = suite.iter().map(|entry| entry.think_time.to_string()).collect();
        axes.insert("workload.load.think_time".to_owned(), json!(times));
    }
    if let Some(lengths) = lengths {
        axes.insert("workload.duration".to_owned(), json!(lengths));
    }
    Value::Object(axes)
}

fn prompts(old: &mut Old<'_>, new: &mut Draft) {
    new.put("workload.prompts.source", "synthetic");
    for (path, key, default) in [
        (
            "workload.prompt_len",
            "workload.prompts.input_tokens",
            INPUT_TOKENS,
        ),
        (
            "workload.gen_tokens",
            "workload.prompts.output_tokens",
            OUTPUT_TOKENS,
        ),
    ] {
        let counts = old.counts(path);
        if counts.is_empty() {
            new.put_with(key, default, "the old recipe does not say: check this");
        } else {
            put_counts(new, key, &counts);
        }
    }
    old.lose(
        "workload.dataset",
        "name its file instead: workload.prompts: {source: file, path: …}",
    );
}
