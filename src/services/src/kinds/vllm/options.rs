//! vLLM's options, and what can be said about them before anything starts.

use std::num::NonZeroU32;

use hpcbench_recipes::recipe::{Nodes, Service as ServiceSection, Workload};
use hpcbench_recipes::{Placement, ServiceProblem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::demand::{gpus_per_instance, longest_request};
use crate::options::{self, ABSOLUTE, PROGRAM, Reserved};

/// Flags that hpcbench sets.
const RESERVED_FLAGS: &[Reserved] = &[
    ("--host", "hpcbench chooses the address"),
    ("--port", "hpcbench chooses a free port"),
    ("--uds", "hpcbench's clients reach it over the network"),
    ("--ssl-certfile", "hpcbench's clients speak without TLS"),
    (
        "--model",
        "use `model`, and `options.model_path` where its files are elsewhere",
    ),
    ("--served-model-name", "use `model`"),
    ("--revision", "use `options.revision`"),
    ("--tensor-parallel-size", "use `options.tensor_parallel_size`"),
    ("-tp", "use `options.tensor_parallel_size`"),
    ("--pipeline-parallel-size", "use `options.pipeline_parallel_size`"),
    ("-pp", "use `options.pipeline_parallel_size`"),
    ("--data-parallel-size", "use `options.data_parallel_size`"),
    ("-dp", "use `options.data_parallel_size`"),
    ("--max-model-len", "use `options.max_model_len`"),
    ("--gpu-memory-utilization", "use `options.gpu_memory_utilization`"),
    ("--max-num-seqs", "use `options.max_num_seqs`"),
    ("--max-num-batched-tokens", "use `options.max_num_batched_tokens`"),
    ("--enable-chunked-prefill", "use `options.enable_chunked_prefill`"),
    (
        "--no-enable-chunked-prefill",
        "use `options.enable_chunked_prefill`",
    ),
    ("--enable-prefix-caching", "use `options.enable_prefix_caching`"),
    (
        "--no-enable-prefix-caching",
        "use `options.enable_prefix_caching`",
    ),
    ("--dtype", "use `options.dtype`"),
    ("--enforce-eager", "use `options.enforce_eager`"),
    (
        "--data-parallel-size-local",
        "hpcbench divides copies over an instance's nodes",
    ),
    ("-dpl", "hpcbench divides copies over an instance's nodes"),
    ("--data-parallel-rank", "hpcbench numbers the nodes"),
    ("-dpn", "hpcbench numbers the nodes"),
    ("--data-parallel-start-rank", "hpcbench numbers the nodes"),
    ("-dpr", "hpcbench numbers the nodes"),
    ("--nnodes", "use `options.nodes_per_instance`"),
    ("-n", "use `options.nodes_per_instance`"),
    ("--node-rank", "hpcbench numbers the nodes"),
    ("-r", "hpcbench numbers the nodes"),
    ("--master-addr", "hpcbench knows the nodes' addresses"),
    ("--master-port", "hpcbench chooses a free port"),
    ("--data-parallel-address", "hpcbench knows the nodes' addresses"),
    ("-dpa", "hpcbench knows the nodes' addresses"),
    ("--data-parallel-rpc-port", "hpcbench chooses a free port"),
    ("-dpp", "hpcbench chooses a free port"),
    ("--headless", "hpcbench knows which node answers requests"),
    (
        "--api-key",
        "everybody on the node can read arguments: use secrets: {VLLM_API_KEY: {file: …}}",
    ),
    (
        "--hf-token",
        "everybody on the node can read arguments: use secrets: {HF_TOKEN: {file: …}}",
    ),
];

/// A flag that hpcbench sets where an instance has several processes.
pub(crate) const RESERVED_BACKEND: &[Reserved] = &[(
    "--distributed-executor-backend",
    "it follows from `kind`: vLLM's own means, or Ray",
)];

/// Variables that hpcbench sets.
const RESERVED_VARIABLES: &[Reserved] = &[
    ("HF_HOME", "use `options.hf_home`"),
    ("HF_HUB_OFFLINE", "use `options.offline`"),
    ("TRANSFORMERS_OFFLINE", "use `options.offline`"),
    ("VLLM_HOST_IP", "hpcbench knows the node's address"),
    ("VLLM_SERVER_DEV_MODE", "use `options.dev_mode`"),
];

/// Options of `service.kind: vllm`, by the names of the server's own flags where it has one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "VllmOptions")]
pub(crate) struct Options {
    /// The program: an absolute path, in the image if there is one, or a name to look up in PATH.
    #[schemars(regex(pattern = PROGRAM), length(max = 4096))]
    pub(crate) program: String,
    /// The directory with the model's files, an absolute path; none: `service.model` is looked up in `hf_home`.
    #[schemars(regex(pattern = ABSOLUTE), length(max = 4096))]
    pub(crate) model_path: Option<String>,
    /// The model's revision: a commit, so that every run loads the same files.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9._/-]*$"), length(max = 256))]
    pub(crate) revision: Option<String>,
    /// GPUs that share each layer.
    #[schemars(range(max = 4096))]
    pub(crate) tensor_parallel_size: NonZeroU32,
    /// Groups of GPUs that each have a part of the layers.
    #[schemars(range(max = 4096))]
    pub(crate) pipeline_parallel_size: NonZeroU32,
    /// Copies of the model behind one endpoint.
    #[schemars(range(max = 4096))]
    pub(crate) data_parallel_size: NonZeroU32,
    /// Nodes of an instance: vLLM's own way to use several.
    #[schemars(range(max = 1000))]
    pub(crate) nodes_per_instance: NonZeroU32,
    /// Tokens of a request: the longest prompt with its answer; none: as the model says.
    #[schemars(range(max = 10_000_000))]
    pub(crate) max_model_len: Option<NonZeroU32>,
    /// Share of each GPU's memory that the server takes; none: the server's default.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub(crate) gpu_memory_utilization: Option<f64>,
    /// Requests in a batch; none: the server's default.
    #[schemars(range(max = 100_000))]
    pub(crate) max_num_seqs: Option<NonZeroU32>,
    /// Tokens that are computed in one step; none: the server's default.
    #[schemars(range(max = 10_000_000))]
    pub(crate) max_num_batched_tokens: Option<NonZeroU32>,
    /// Whether long prompts are computed in parts, between the tokens of others; none: the server's default.
    pub(crate) enable_chunked_prefill: Option<bool>,
    /// Whether beginnings that prompts have in common are computed once; none: the server's default.
    pub(crate) enable_prefix_caching: Option<bool>,
    /// The type of weights and activations, such as `bfloat16`; none: as the model says.
    #[schemars(regex(pattern = "^[a-z0-9_]+$"), length(max = 32))]
    pub(crate) dtype: Option<String>,
    /// Whether CUDA graphs are left out: a quicker start, a slower service.
    pub(crate) enforce_eager: bool,
    /// Hugging Face's directory of models, an absolute path that all server nodes see; none: below HOME.
    #[schemars(regex(pattern = ABSOLUTE), length(max = 4096))]
    pub(crate) hf_home: Option<String>,
    /// Whether nothing is fetched from the network: the model must be there.
    pub(crate) offline: bool,
    /// Whether the server opens its development end points. hpcbench then empties the prefix cache before each trial; everybody who
    /// reaches the port can use all of them.
    pub(crate) dev_mode: bool,
    /// More arguments, each a text of its own.
    #[schemars(length(max = 200))]
    pub(crate) extra_args: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            program: "vllm".to_owned(),
            model_path: None,
            revision: None,
            tensor_parallel_size: NonZeroU32::MIN,
            pipeline_parallel_size: NonZeroU32::MIN,
            data_parallel_size: NonZeroU32::MIN,
            nodes_per_instance: NonZeroU32::MIN,
            max_model_len: None,
            gpu_memory_utilization: None,
            max_num_seqs: None,
            max_num_batched_tokens: None,
            enable_chunked_prefill: None,
            enable_prefix_caching: None,
            dtype: None,
            enforce_eager: false,
            hf_home: None,
            offline: true,
            dev_mode: false,
            extra_args: Vec::new(),
        }
    }
}

impl Options {
    /// What the schema cannot say.
    pub(crate) fn problems(&self, service: &ServiceSection, workload: &Workload) -> Vec<ServiceProblem> {
        let mut problems = options::extra_arguments(&self.extra_args, RESERVED_FLAGS);
        problems.extend(options::environment(service, RESERVED_VARIABLES));
        problems.extend(options::in_plain(service, &[super::KEY_VARIABLE, "HF_TOKEN"]));
        problems.extend(options::model_name(service.model.as_deref()));
        problems.extend(self.check_cache(service));
        problems.extend(self.check_length(longest_request(workload)));
        if self.revision.is_some() && self.model_path.is_some() {
            let help = "remove one of the two: a directory has no revisions";
            problems.push(options::problem(
                "revision",
                "`model_path` names the files themselves",
                help,
            ));
        }
        problems.extend(self.check_dev_mode(service));
        if self.nodes_per_instance.get() > 1 {
            problems.extend(options::extra_arguments(&self.extra_args, RESERVED_BACKEND));
        }
        problems
    }

    fn check_length(&self, longest: u64) -> Option<ServiceProblem> {
        let most = u64::from(self.max_model_len?.get());
        (longest > most).then(|| {
            let message =
                format!("a prompt and its answer take up to {longest} tokens; the server would refuse more than {most}");
            let help = format!("set `max_model_len` to {longest} or more: a chat template adds some");
            options::problem("max_model_len", message, help)
        })
    }

    /// A container does not show the user's home directory, where the models would be looked up.
    fn check_cache(&self, service: &ServiceSection) -> Option<ServiceProblem> {
        let is_path = service
            .model
            .as_deref()
            .is_none_or(|model| model.starts_with('/'));
        let is_found = is_path || self.model_path.is_some() || self.hf_home.is_some() || !self.offline;
        (service.image.is_some() && !is_found).then(|| {
            options::problem(
                "hf_home",
                "nothing says where the container finds the model's files",
                "add the absolute path of Hugging Face's directory: hf_home, or of the files: model_path",
            )
        })
    }

    fn check_dev_mode(&self, service: &ServiceSection) -> Option<ServiceProblem> {
        let is_open = self.dev_mode && !options::has_secret(&service.secrets, super::KEY_VARIABLE);
        is_open.then(|| {
            options::advice(
                "dev_mode",
                "everybody who reaches the port can use the development end points",
                "leave it off unless the nodes are yours alone",
            )
        })
    }

    /// GPUs that an instance takes.
    fn gpus(&self) -> u64 {
        [
            self.tensor_parallel_size,
            self.pipeline_parallel_size,
            self.data_parallel_size,
        ]
        .into_iter()
        .map(|size| u64::from(size.get()))
        .fold(1, u64::saturating_mul)
    }

    /// Whether an instance fits on its nodes, and uses them.
    pub(crate) fn problems_with(&self, nodes: &Nodes) -> Vec<ServiceProblem> {
        let servers = &nodes.servers;
        let per_instance = self.nodes_per_instance.get();
        if per_instance > 1 {
            let unfit = check_span(
                per_instance,
                servers.count.get(),
                servers.instances_per_node.get(),
            );
            if let Some(problem) = unfit {
                return vec![problem];
            }
        }
        self.check_gpus(per_instance, gpus_per_instance(nodes))
            .into_iter()
            .collect()
    }

    /// Whether an instance on so many nodes, each with so many GPUs for it, has what it needs, and uses what it has.
    pub(crate) fn check_gpus(&self, nodes: u32, gpus: u32) -> Option<ServiceProblem> {
        let there = u64::from(nodes) * u64::from(gpus);
        // Nothing is known about nodes without GPUs: vLLM runs on CPUs too.
        if there == 0 {
            return None;
        }
        let needed = self.gpus();
        let option = self.largest_size();
        let product = format!(
            "tensor × pipeline × data parallel = {} × {} × {} = {needed}",
            self.tensor_parallel_size, self.pipeline_parallel_size, self.data_parallel_size
        );
        match needed.cmp(&there) {
            std::cmp::Ordering::Greater => {
                let message = format!("{product} GPUs, but an instance has {there}");
                let help = "the product of the three must be the number of an instance's GPUs";
                Some(options::problem(option, message, help))
            }
            std::cmp::Ordering::Less => {
                let message = format!(
                    "{product}: {} of an instance's {there} GPUs are idle",
                    there - needed
                );
                let help = "make the product fit, or run more instances (nodes.servers.instances_per_node)";
                Some(options::advice(option, message, help))
            }
            std::cmp::Ordering::Equal => None,
        }
    }

    /// The option to look at when their product does not fit.
    fn largest_size(&self) -> &'static str {
        let tensor = self.tensor_parallel_size;
        if self.pipeline_parallel_size > tensor && self.pipeline_parallel_size >= self.data_parallel_size {
            "pipeline_parallel_size"
        } else if self.data_parallel_size > tensor {
            "data_parallel_size"
        } else {
            "tensor_parallel_size"
        }
    }

    /// How its instances lie on the server nodes.
    pub(crate) fn placement(&self) -> Placement {
        if self.nodes_per_instance.get() == 1 {
            Placement::PerNode
        } else {
            Placement::Spanning {
                nodes: self.nodes_per_instance,
            }
        }
    }
}

fn check_span(per_instance: u32, nodes: u32, instances_per_node: u32) -> Option<ServiceProblem> {
    let message = if instances_per_node > 1 {
        "an instance of several nodes has each of them to itself".to_owned()
    } else if !nodes.is_multiple_of(per_instance) {
        format!("{nodes} server nodes cannot be divided into instances of {per_instance} nodes")
    } else {
        return None;
    };
    let help = "look at nodes.servers: count must be a multiple, instances_per_node 1";
    Some(options::problem("nodes_per_instance", message, help))
}
