//! vLLM's command line and environment, for one node and for one of several.

use std::net::IpAddr;

use hpcbench_recipes::plan::ServicePlan;

use super::KEY_VARIABLE;
use super::options::Options;
use crate::launch::{LaunchCommand, LaunchContext};
use crate::options::give_key;
use crate::rank::Rank;

/// What the collective libraries read and a site may have set.
const FABRIC_VARIABLES: [&str; 8] = [
    "NCCL_IB_HCA",
    "NCCL_NET",
    "NCCL_DEBUG",
    "NCCL_SOCKET_IFNAME",
    "GLOO_SOCKET_IFNAME",
    "UCX_NET_DEVICES",
    "UCX_TLS",
    "FI_PROVIDER",
];

/// Caches of compiled code, by their variables: each instance has its own, since they are written without locks.
const CACHES: [(&str, &str); 5] = [
    // The code that comes with a model, else below Hugging Face's directory, which is not always writable.
    ("HF_MODULES_CACHE", "hf-modules"),
    ("VLLM_CACHE_ROOT", "vllm"),
    ("TORCHINDUCTOR_CACHE_DIR", "torchinductor"),
    ("TRITON_CACHE_DIR", "triton"),
    ("XDG_CACHE_HOME", "cache"),
];

/// How the processes of an instance find each other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend<'a> {
    /// There is one.
    Alone,
    /// By vLLM's own means: this is one of them.
    Ranks(&'a Rank),
    /// By Ray, over this interface.
    Ray(Option<&'a str>),
}

/// The command of an instance on one node, or of one of its processes.
pub(crate) fn command(
    options: &Options,
    plan: &ServicePlan,
    context: &LaunchContext,
    backend: Backend<'_>,
) -> LaunchCommand {
    let mut words = arguments(options, plan, context);
    words.extend(match backend {
        Backend::Alone => Vec::new(),
        Backend::Ranks(rank) => rank_arguments(options, rank),
        Backend::Ray(_) => ["--distributed-executor-backend", "ray"]
            .map(str::to_owned)
            .to_vec(),
    });
    words.extend(options.extra_args.iter().cloned());
    let words = words.into_iter().map(Into::into).collect();
    let mut command = LaunchCommand::new(options.program.clone().into(), words, plan);
    let interface = match backend {
        Backend::Alone => None,
        Backend::Ranks(rank) => rank.interface.as_deref(),
        Backend::Ray(interface) => interface,
    };
    equip(&mut command, options, plan, context, interface);
    give_key(&mut command, plan, KEY_VARIABLE);
    command
}

/// Gives a command the environment and the files of vLLM.
pub(crate) fn equip(
    command: &mut LaunchCommand,
    options: &Options,
    plan: &ServicePlan,
    context: &LaunchContext,
    interface: Option<&str>,
) {
    command.inherited.extend(FABRIC_VARIABLES);
    set_environment(command, options, context);
    if let Some(interface) = interface {
        command.set_default("NCCL_SOCKET_IFNAME", interface);
        command.set_default("GLOO_SOCKET_IFNAME", interface);
        // It tells nowhere else that it does without the fast network's own way.
        command.set_default("NCCL_DEBUG", "INFO");
    }
    let named = plan.model.starts_with('/').then_some(&plan.model);
    let model = options.model_path.as_ref().or(named);
    if let Some(path) = model {
        command.reads(path);
    }
    match &options.hf_home {
        Some(home) if options.offline => command.reads(home),
        // What is missing there is fetched.
        Some(home) => command.writes(home),
        None => {}
    }
}

fn arguments(options: &Options, plan: &ServicePlan, context: &LaunchContext) -> Vec<String> {
    let model = options.model_path.as_ref().unwrap_or(&plan.model);
    let mut words = vec!["serve".to_owned(), model.clone()];
    let mut flag = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    };
    flag("--served-model-name", Some(plan.model.clone()));
    flag("--host", Some(context.host.to_string()));
    flag("--port", Some(context.port.to_string()));
    flag("--revision", options.revision.clone());
    flag(
        "--tensor-parallel-size",
        Some(options.tensor_parallel_size.to_string()),
    );
    flag(
        "--pipeline-parallel-size",
        Some(options.pipeline_parallel_size.to_string()),
    );
    let data_parallel = options.data_parallel_size;
    flag(
        "--data-parallel-size",
        (data_parallel.get() > 1).then(|| data_parallel.to_string()),
    );
    flag(
        "--max-model-len",
        options.max_model_len.map(|value| value.to_string()),
    );
    flag(
        "--gpu-memory-utilization",
        options.gpu_memory_utilization.map(|value| value.to_string()),
    );
    flag(
        "--max-num-seqs",
        options.max_num_seqs.map(|value| value.to_string()),
    );
    flag(
        "--max-num-batched-tokens",
        options.max_num_batched_tokens.map(|value| value.to_string()),
    );
    flag("--dtype", options.dtype.clone());
    let switches = [
        ("enable-chunked-prefill", options.enable_chunked_prefill),
        ("enable-prefix-caching", options.enable_prefix_caching),
    ];
    for (name, switch) in switches {
        words.extend(switch.map(|on| {
            if on {
                format!("--{name}")
            } else {
                format!("--no-{name}")
            }
        }));
    }
    words.extend(options.enforce_eager.then(|| "--enforce-eager".to_owned()));
    words
}

/// Ports of the first process that all processes of an instance have to know: copies of the model meet at one of its own.
pub(super) fn head_ports(options: &Options) -> usize {
    let is_split = options.nodes_per_instance.get() > 1 && options.data_parallel_size.get() > 1;
    usize::from(is_split)
}

fn rank_arguments(options: &Options, rank: &Rank) -> Vec<String> {
    let mut words = vec![
        "--distributed-executor-backend".to_owned(),
        "mp".to_owned(),
        "--nnodes".to_owned(),
        rank.of.to_string(),
        "--node-rank".to_owned(),
        rank.index.to_string(),
        "--master-addr".to_owned(),
        rank.head.to_string(),
        "--master-port".to_owned(),
        rank.rendezvous_port.to_string(),
    ];
    // Its own default is the same for all users of a node.
    let ports = rank.head_ports.iter().take(head_ports(options));
    words.extend(ports.flat_map(|port| ["--data-parallel-rpc-port".to_owned(), port.to_string()]));
    words.extend((!rank.is_head()).then(|| "--headless".to_owned()));
    words
}

fn set_environment(command: &mut LaunchCommand, options: &Options, context: &LaunchContext) {
    let offline = if options.offline { "1" } else { "0" };
    command.set("HF_HUB_OFFLINE", offline);
    command.set("TRANSFORMERS_OFFLINE", offline);
    command.set_default("VLLM_NO_USAGE_STATS", "1");
    // Packages below HOME would take the place of the image's.
    command.set_default("PYTHONNOUSERSITE", "1");
    if !is_anywhere(context.host) {
        command.set("VLLM_HOST_IP", context.host.to_string());
    }
    if options.dev_mode {
        command.set("VLLM_SERVER_DEV_MODE", "1");
    }
    if let Some(directory) = &options.hf_home {
        command.set("HF_HOME", directory.clone());
    }
    for (variable, directory) in CACHES {
        command.set_default(variable, context.scratch.join(directory));
    }
}

/// Whether an address is that of no interface in particular.
fn is_anywhere(address: IpAddr) -> bool {
    address.is_unspecified()
}
