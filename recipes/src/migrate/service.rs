//! The service: kind, model, image, options.

use serde_json::json;

use super::job::NodeCounts;
use super::old::Old;
use super::{put_counts, refused};
use crate::diagnostic::Diagnostic;
use crate::draft::Draft;

/// The kinds that the old toolkit had.
pub(super) const OLLAMA: &str = "ollama";
const VLLM: &str = "vllm";
const VLLM_RAY: &str = "vllm-ray";

/// Where the old containers looked for Ollama's files, and for Hugging Face's.
const OLLAMA_HOME: &str = ".ollama";
const HUGGING_FACE_HOME: &str = ".cache/huggingface";

/// Where models are, as long as nobody says it.
const MODELS_PLACE: &str = "/path/to/ollama/models";
const HUGGING_FACE_PLACE: &str = "/path/to/huggingface";

const SAY_WHERE: &str = "say where models are: an absolute path that all server nodes see";

/// The kind of service.
///
/// # Errors
/// It is none that hpcbench benchmarks.
pub(super) fn kind(old: &mut Old<'_>) -> Result<&'static str, Box<Diagnostic>> {
    let component = old.take("workload.component");
    let name = old.take("workload.service");
    let text = |node: Option<&crate::tree::Node>| node.and_then(super::old::text_of);
    if let (Some(found), Some(node)) = (text(component), component)
        && found != "inference"
    {
        let message = format!("hpcbench benchmarks inference services, not {found}");
        return Err(Box::new(refused(node.span, "/workload/component", message)));
    }
    match (text(name).as_deref(), name) {
        (Some(OLLAMA), _) => Ok(OLLAMA),
        (Some(VLLM), _) => {
            let distributed = "servers.service_config.distributed";
            let is_on = old.truth(&format!("{distributed}.enabled")).unwrap_or(false);
            let backend = old.text(&format!("{distributed}.backend"));
            let by_ray = backend.is_none_or(|backend| backend == "ray");
            Ok(if is_on && by_ray { VLLM_RAY } else { VLLM })
        }
        (Some(other), Some(node)) => {
            let message = format!(
                "there is nothing like {other} in this layout; a server that speaks OpenAI's API is benchmarked with kind openai"
            );
            Err(Box::new(refused(node.span, "/workload/service", message)))
        }
        _ => Err(Box::new(refused(
            super::start(),
            "/workload",
            "the recipe does not say which service it is about",
        ))),
    }
}

pub(super) fn service(old: &mut Old<'_>, new: &mut Draft, kind: &str, nodes: NodeCounts) {
    new.put("service.kind", kind);
    model(old, new, kind);
    image(old, new);
    let binds = old.texts("binds");
    let binds: Vec<(&str, &str)> = binds.iter().filter_map(|bind| bind.split_once(':')).collect();
    match kind {
        OLLAMA => ollama(old, new, &binds),
        _ => vllm(old, new, kind, nodes, &binds),
    }
    let others: Vec<String> = binds
        .iter()
        .filter(|(_, inside)| !inside.ends_with(OLLAMA_HOME) && !inside.ends_with(HUGGING_FACE_HOME))
        .map(|(host, inside)| format!("{host}:{inside}"))
        .collect();
    if !others.is_empty() {
        new.put("service.binds", others);
    }
    health(old, new);
    if old.has("servers.service_config.trust_remote_code") && kind == OLLAMA {
        old.lose(
            "servers.service_config.trust_remote_code",
            "Ollama runs no code of models",
        );
    }
}

fn model(old: &mut Old<'_>, new: &mut Draft, kind: &str) {
    match old.text("workload.model") {
        Some(model) if kind == OLLAMA && !model.contains(':') => {
            new.put_with(
                "service.model",
                format!("{model}:latest"),
                "with its tag, as `ollama list` shows it",
            );
        }
        Some(model) => new.put("service.model", model),
        None => new.put_with(
            "service.model",
            "name-of-the-model:latest",
            "the old recipe names none",
        ),
    }
}

fn image(old: &mut Old<'_>, new: &mut Draft) {
    let directory = old.text("artifacts.containers_dir");
    let path = old
        .text("artifacts.service.path")
        .or_else(|| old.text("artifacts.container"));
    if let Some(path) = path {
        let path = match directory {
            Some(directory) if !path.contains('/') => format!("{}/{path}", directory.trim_end_matches('/')),
            _ => path,
        };
        new.put("service.image.path", path);
        if let Some(source) = old.text("artifacts.service.remote") {
            let source = if source.contains("://") {
                source
            } else {
                format!("docker://{source}")
            };
            new.put("service.image.source", source);
        }
    }
    old.lose(
        "artifacts.python",
        "hpcbench is one program: clients need no container",
    );
}

fn ollama(old: &mut Old<'_>, new: &mut Draft, binds: &[(&str, &str)]) {
    let home = binds
        .iter()
        .find(|(_, inside)| inside.ends_with(OLLAMA_HOME))
        .map(|(host, _)| *host);
    match home.filter(|host| host.starts_with('/')) {
        Some(home) => new.put("service.options.models_dir", format!("{home}/models")),
        None => new.put_with("service.options.models_dir", MODELS_PLACE, SAY_WHERE),
    }
    new.put_some(
        "service.options.context_length",
        old.count("servers.service_config.max_model_len"),
    );
    put_counts(new, "service.options.num_parallel", &old.counts("workload.batch"));
    old.lose(
        "servers.service_config.gpu_layers",
        "Ollama itself decides which layers go to the GPU",
    );
}

fn vllm(old: &mut Old<'_>, new: &mut Draft, kind: &str, nodes: NodeCounts, binds: &[(&str, &str)]) {
    let home = binds
        .iter()
        .find(|(_, inside)| inside.ends_with(HUGGING_FACE_HOME))
        .map(|(host, _)| *host);
    match home.filter(|host| host.starts_with('/')) {
        Some(home) => new.put("service.options.hf_home", home),
        None => new.put_with("service.options.hf_home", HUGGING_FACE_PLACE, SAY_WHERE),
    }
    let config = "servers.service_config";
    for size in ["tensor_parallel_size", "pipeline_parallel_size"] {
        let count = old.count(&format!("{config}.distributed.{size}"));
        new.put_some(
            &format!("service.options.{size}"),
            count.or_else(|| old.count(&format!("{config}.{size}"))),
        );
    }
    if kind == VLLM && old.truth(&format!("{config}.distributed.enabled")) == Some(true) {
        new.put("service.options.nodes_per_instance", nodes.servers);
    }
    new.put_some(
        "service.options.max_model_len",
        old.count(&format!("{config}.max_model_len")),
    );
    new.put_some(
        "service.options.gpu_memory_utilization",
        old.number(&format!("{config}.gpu_memory_utilization")),
    );
    put_counts(new, "service.options.max_num_seqs", &old.counts("workload.batch"));
    new.put_some(
        "service.options.enforce_eager",
        old.truth(&format!("{config}.enforce_eager")),
    );
    if old.truth(&format!("{config}.trust_remote_code")) == Some(true) {
        new.put("service.options.extra_args", json!(["--trust-remote-code"]));
    }
    old.lose(
        &format!("{config}.distributed.ray"),
        "hpcbench chooses Ray's ports and resources",
    );
}

fn health(old: &mut Old<'_>, new: &mut Draft) {
    let check = "servers.health_check";
    if old.truth(&format!("{check}.enabled")) == Some(false) {
        old.lose(
            &format!("{check}.enabled"),
            "no load begins before the service is ready",
        );
    }
    for key in ["timeout", "interval"] {
        let time = old.duration(&format!("{check}.{key}"));
        new.put_some(
            &format!("service.health.{key}"),
            time.map(|time| time.to_string()),
        );
    }
    // Each kind of service knows its own.
    old.take(&format!("{check}.endpoint"));
}
