//! The options: vLLM's, and Ray's in a mapping of their own.

use std::borrow::Cow;
use std::num::NonZeroU32;

use hpcbench_recipes::ServiceProblem;
use hpcbench_recipes::recipe::{Nodes, Service as ServiceSection, Workload};
use hpcbench_recipes::units::Size;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::demand::gpus_per_instance;
use crate::kinds::vllm::options::{Options as VllmOptions, RESERVED_BACKEND};
use crate::options::{self, PROGRAM, Reserved};

/// The key of Ray's own options.
const RAY: &str = "ray";
/// An option of vLLM's that this kind decides.
const SPAN: &str = "nodes_per_instance";

/// Another one. vLLM places copies on Ray's nodes by rules of their own, which are tied to its head.
const COPIES: &str = "data_parallel_size";

/// Smallest object store that Ray takes.
const SMALLEST_STORE: Size = Size::from_bytes(80 << 20);

/// Variables that hpcbench sets.
const RESERVED_VARIABLES: &[Reserved] = &[
    ("RAY_ADDRESS", "hpcbench starts a cluster of its own"),
    ("RAY_AUTH_MODE", "only this run's processes may use the cluster"),
    ("RAY_AUTH_TOKEN", "it is chosen anew for each run"),
    ("RAY_AUTH_TOKEN_PATH", "the token is chosen anew for each run"),
    (
        "RAY_TMPDIR",
        "Ray's files are in a directory of the job, on the node's disk",
    ),
];

/// Options of `service.kind: vllm-ray`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Options {
    pub(super) vllm: VllmOptions,
    pub(super) ray: Ray,
}

/// The cluster of Ray's below vLLM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "RayOptions")]
pub(super) struct Ray {
    /// The program: an absolute path, in the image if there is one, or a name to look up in PATH.
    #[schemars(regex(pattern = PROGRAM), length(max = 4096))]
    pub(super) program: String,
    /// CPUs that Ray reckons with on each node: so many of its workers may begin at once; none: one more than it has GPUs.
    #[schemars(range(max = 4096))]
    pub(super) cpus: Option<NonZeroU32>,
    /// GPUs that Ray reckons with on each node; none: those that the instance may use there.
    #[schemars(range(max = 4096))]
    pub(super) gpus: Option<u32>,
    /// Memory of each node's object store, in /dev/shm.
    pub(super) object_store_memory: Size,
    /// Whether Ray has its client server (the package `grpcio` is there), which is then given a port. Without it Ray refuses to be
    /// told a port; with it and without a port it takes 10001.
    pub(super) client_server: bool,
}

impl Default for Ray {
    fn default() -> Self {
        Self {
            program: "ray".to_owned(),
            cpus: None,
            gpus: None,
            object_store_memory: Size::from_bytes(1 << 30),
            client_server: true,
        }
    }
}

impl Ray {
    /// CPUs that Ray reckons with, where a process may use so many GPUs.
    pub(super) fn cpus(&self, gpus: u32) -> u32 {
        self.cpus.map_or(gpus.saturating_add(1), NonZeroU32::get)
    }
}

impl Options {
    /// What the schema cannot say.
    pub(super) fn problems(&self, service: &ServiceSection, workload: &Workload) -> Vec<ServiceProblem> {
        let mut problems = self.vllm.problems(service, workload);
        problems.extend(options::extra_arguments(&self.vllm.extra_args, RESERVED_BACKEND));
        problems.extend(options::environment(service, RESERVED_VARIABLES));
        if self.vllm.data_parallel_size.get() > 1 {
            problems.push(options::problem(
                COPIES,
                "vLLM over Ray has one copy of the model on all server nodes",
                "remove it; for copies behind one endpoint use kind vllm with options.nodes_per_instance, for copies with an endpoint \
                 each kind vllm with nodes.servers.instances_per_node",
            ));
        }
        if self.ray.object_store_memory < SMALLEST_STORE {
            let help = format!("give it {SMALLEST_STORE} or more");
            let mut problem = options::problem(RAY, "Ray refuses so small an object store", help);
            problem.path.push("object_store_memory".to_owned());
            problems.push(problem);
        }
        problems
    }

    /// Whether vLLM fits on all server nodes together, and uses them.
    pub(super) fn problems_with(&self, nodes: &Nodes) -> Vec<ServiceProblem> {
        let servers = &nodes.servers;
        if servers.instances_per_node.get() > 1 {
            return vec![ServiceProblem {
                path: vec!["kind".to_owned()],
                advice_only: false,
                message: "vLLM over Ray is one instance on all server nodes".to_owned(),
                help: Some("remove nodes.servers.instances_per_node".to_owned()),
            }];
        }
        let gpus = self.ray.gpus.unwrap_or_else(|| gpus_per_instance(nodes));
        self.vllm
            .check_gpus(servers.count.get(), gpus)
            .into_iter()
            .collect()
    }
}

impl Serialize for Options {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error as _;
        let mut all = match serde_json::to_value(&self.vllm).map_err(S::Error::custom)? {
            Value::Object(all) => all,
            _ => Map::new(),
        };
        all.shift_remove(SPAN);
        all.insert(
            RAY.to_owned(),
            serde_json::to_value(&self.ray).map_err(S::Error::custom)?,
        );
        all.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut all = Map::<String, Value>::deserialize(deserializer)?;
        let ray = all.shift_remove(RAY);
        if all.contains_key(SPAN) {
            return Err(D::Error::custom(format!("unknown field `{SPAN}`")));
        }
        Ok(Self {
            vllm: VllmOptions::deserialize(all).map_err(D::Error::custom)?,
            ray: ray
                .map(Ray::deserialize)
                .transpose()
                .map_err(D::Error::custom)?
                .unwrap_or_default(),
        })
    }
}

impl JsonSchema for Options {
    fn schema_name() -> Cow<'static, str> {
        "VllmRayOptions".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = VllmOptions::json_schema(generator);
        let ray = generator.subschema_for::<Ray>();
        schema.insert(
            "description".to_owned(),
            "Options of `service.kind: vllm-ray`, by the names of the server's own flags where it has one."
                .into(),
        );
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.shift_remove(SPAN);
            let mut ray = ray.to_value();
            if let Some(described) = ray.as_object_mut() {
                described.insert(
                    "description".to_owned(),
                    "The cluster of Ray's below vLLM.".into(),
                );
                described.insert(
                    "default".to_owned(),
                    serde_json::to_value(Ray::default()).unwrap_or_default(),
                );
            }
            properties.insert(RAY.to_owned(), ray);
        }
        schema
    }
}
