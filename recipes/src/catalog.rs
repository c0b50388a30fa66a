//! What recipes need to know about kinds of services, without depending on them.

use std::num::NonZeroU32;

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::recipe::{Endpoint, Nodes, Service, ServiceKind, Workload};

/// A kind of service, as far as recipes are concerned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KindDescription {
    /// What it is, in a sentence.
    pub summary: &'static str,
    /// The endpoints that it answers.
    pub endpoints: &'static [Endpoint],
    /// Whether hpcbench starts it; else the recipe lists endpoints that already run.
    pub launches: bool,
    /// The model's name where the recipe gives none; `None`: the recipe must give one.
    pub default_model: Option<&'static str>,
    /// What `storage.stage_model` does to its model.
    pub staging: Staging,
}

/// What becomes of a kind's model where a recipe asks for copies on the nodes' own disks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Staging {
    /// It stays where it is.
    #[default]
    Stays,
    /// It stays where it is, for this reason.
    StaysBecause(&'static str),
    /// It is copied.
    Copied,
}

/// How the instances of a service lie on the server nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Placement {
    /// Each instance is on one node.
    #[default]
    PerNode,
    /// Each instance is one process on each of so many nodes, with one endpoint on the first of them.
    Spanning {
        /// Nodes of an instance.
        nodes: NonZeroU32,
    },
    /// One instance is on all server nodes, with one endpoint on the first of them.
    AllNodes,
}

impl Placement {
    /// Nodes of an instance where there are so many server nodes.
    pub const fn nodes_per_instance(self, servers: NonZeroU32) -> NonZeroU32 {
        match self {
            Self::PerNode => NonZeroU32::MIN,
            Self::Spanning { nodes } => nodes,
            Self::AllNodes => servers,
        }
    }
}

/// A problem with a service that its kind knows about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceProblem {
    /// Keys on the way from the service's mapping to the value: `["options", "ttft"]`.
    pub path: Vec<String>,
    /// Whether the run can go on nevertheless.
    pub advice_only: bool,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Options that do not have the form of their schema.
#[derive(Debug, thiserror::Error)]
#[error("the options of a service of kind {kind} cannot be read")]
pub struct InvalidOptions {
    /// The kind.
    pub kind: ServiceKind,
    /// What is wrong with them.
    #[source]
    pub source: serde_json::Error,
}

/// The kinds of services that this build can run.
pub trait ServiceCatalog {
    /// All kinds, in the order in which they are shown.
    fn kinds(&self) -> Vec<ServiceKind>;

    /// What a kind is like, or `None` if this build cannot run it.
    fn describe(&self, kind: &ServiceKind) -> Option<KindDescription>;

    /// The schema of a kind's options; definitions go into the generator.
    fn options_schema(&self, kind: &ServiceKind, generator: &mut SchemaGenerator) -> Option<Schema>;

    /// The options with every default filled in.
    fn complete_options(
        &self,
        kind: &ServiceKind,
        options: &Map<String, Value>,
    ) -> Result<Map<String, Value>, InvalidOptions>;

    /// Problems that no schema can express. The options keep to their schema.
    fn check(&self, service: &Service, workload: &Workload) -> Vec<ServiceProblem>;

    /// Problems with what the server nodes have. The options keep to their schema.
    fn check_nodes(&self, _service: &Service, _nodes: &Nodes) -> Vec<ServiceProblem> {
        Vec::new()
    }

    /// How its instances lie on the server nodes. The options keep to their schema.
    fn placement(&self, _service: &Service) -> Placement {
        Placement::PerNode
    }
}
