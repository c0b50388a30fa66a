//! A configuration of the service.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::recipe::{Health, Image, Restart, ServiceKind};

/// A configuration of the service, with every default explicit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicePlan {
    /// Which service it is.
    pub kind: ServiceKind,
    /// The model's name, as requests name it.
    pub model: String,
    /// The container image, its path absolute; none: the program on PATH.
    pub image: Option<Image>,
    /// The kind's options, defaults filled in.
    pub options: Map<String, Value>,
    /// Base URLs of services that already run; empty where hpcbench starts them.
    pub endpoints: Vec<String>,
    /// So many of the server nodes, from the first, run it; absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_nodes: Option<NonZeroU32>,
    /// Instances on each of its server nodes.
    pub instances_per_node: u32,
    /// Nodes of each instance: it has a process on each, and its endpoint on the first.
    #[serde(default = "one")]
    pub nodes_per_instance: NonZeroU32,
    /// Environment variables of the service's processes.
    pub environment: BTreeMap<String, String>,
    /// Names of secrets, and where their values are found.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Directories to show inside the container, as `host:container`.
    pub binds: Vec<String>,
    /// When the service counts as healthy.
    pub health: Health,
    /// How often a service that died is started again.
    pub restart: Restart,
    /// Whether it may run without protection that its version does not have.
    #[serde(default)]
    pub insecure: bool,
}

/// For each configuration, the first one whose processes are the same: no process sees what else differs.
pub fn setups(services: &[ServicePlan]) -> Vec<usize> {
    let mut known = HashMap::new();
    let all = services.iter().enumerate();
    let first = all.map(|(index, service)| match service.seen_by_processes() {
        Ok(seen) => *known.entry(seen).or_insert(index),
        Err(_) => index,
    });
    first.collect()
}

impl ServicePlan {
    /// Whether hpcbench starts it; else it runs already, at its endpoints.
    pub const fn is_launched(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// What it says, but for what none of its processes sees.
    fn seen_by_processes(&self) -> Result<String, serde_json::Error> {
        let same = Self {
            server_nodes: None,
            health: Health::default(),
            restart: Restart::default(),
            ..self.clone()
        };
        serde_json::to_string(&same)
    }
}

/// Plans of earlier builds knew no instances of several nodes.
const fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

/// Where a secret's value is found. The value itself is in no plan, log or argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// In a file, read on the node that needs it.
    File(PathBuf),
    /// In this environment variable of the `hpcbench run` process.
    Variable(String),
}
