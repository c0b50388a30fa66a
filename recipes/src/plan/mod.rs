//! The plan: a recipe expanded, with every default explicit, seeds fixed and paths absolute.

mod nodes;
mod search;
mod service;
mod workload;

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::canonical::{canonical_json, canonical_list, canonical_object, sha256_hex};
use crate::ids::TrialId;
use crate::recipe::{Launch, Logging, Metadata, Monitoring, Network, Nodes, Report, SchemaVersion, Storage};

pub use nodes::PlannedNode;
pub(crate) use search::search_alpha;
pub use search::{SearchPlan, SearchPoint};
pub use service::{SecretSource, ServicePlan, setups};
pub use workload::{Window, WorkloadPlan};

/// The layout of `plan.json` that this build writes.
pub const PLAN_VERSION: u32 = 1;

/// Everything that a run does, decided before it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The layout of this document: [`PLAN_VERSION`].
    pub version: u32,
    /// Hex SHA-256 of the plan's canonical JSON without this field.
    pub hash: String,
    /// The recipe's name.
    pub name: String,
    /// The recipe's description.
    pub description: String,
    /// The recipe's tags and notes.
    pub metadata: Metadata,
    /// The recipe's layout.
    pub schema: SchemaVersion,
    /// Hex SHA-256 of the recipe's bytes as given, before overrides.
    pub recipe_sha256: String,
    /// Overrides given on the command line, as `path=value`, in their order; without values that may be secret.
    pub overrides: Vec<String>,
    /// Seed that every trial's seed is derived from. At most 2^53 - 1.
    pub seed: u64,
    /// Where the run happens.
    pub launch: Launch,
    /// What each role's nodes have. Where trials differ in the number of nodes, or of instances on them: the most of any trial.
    pub resources: Nodes,
    /// Which network the nodes use.
    pub network: Network,
    /// Where bulky intermediate data lies.
    pub storage: Storage,
    /// The nodes of the run, one entry for each node and role.
    pub nodes: Vec<PlannedNode>,
    /// Distinct configurations of the service, in the order in which they are started.
    pub services: Vec<ServicePlan>,
    /// The trials in their order; trials of one service are neighbours.
    pub trials: Vec<TrialPlan>,
    /// Instead of trials: a search, which finds out while it runs which trials it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchPlan>,
    /// What is sampled.
    pub monitoring: Monitoring,
    /// What is logged.
    pub logging: Logging,
    /// What is reported.
    pub report: Report,
}

/// One point of the sweep, measured once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialPlan {
    /// The trial's id; the same point keeps it when others are added.
    pub id: TrialId,
    /// The sweep's parameters at this point: path in the recipe → value.
    pub parameters: Map<String, Value>,
    /// The repetition, from 1.
    pub repetition: u32,
    /// Index into [`Plan::services`].
    pub service: usize,
    /// So many of the client nodes, from the first, drive the load; absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_nodes: Option<NonZeroU32>,
    /// The load, fully explicit.
    pub workload: WorkloadPlan,
    /// Seed of arrivals and prompts. At most 2^53 - 1, so that every JSON reader keeps it exact.
    pub seed: u64,
}

impl Plan {
    /// The plan with the hash of what it says.
    #[must_use]
    pub(crate) fn sealed(mut self) -> Self {
        self.hash = self.computed_hash();
        self
    }

    /// Hex SHA-256 of the plan's canonical JSON without its hash: members sorted by the bytes of their names, no
    /// white space.
    ///
    /// # Panics
    /// Never: every part of a plan is JSON.
    #[expect(
        clippy::expect_used,
        reason = "a plan has no maps with other keys than texts, and no fallible serializer"
    )]
    fn computed_hash(&self) -> String {
        fn value(part: &impl Serialize) -> Value {
            serde_json::to_value(part).expect("a plan is JSON")
        }
        let Self {
            version,
            hash: _,
            name,
            description,
            metadata,
            schema,
            recipe_sha256,
            overrides,
            seed,
            launch,
            resources,
            network,
            storage,
            nodes,
            services,
            trials,
            search,
            monitoring,
            logging,
            report,
        } = self;
        // Thousands of trials as one value would take far more memory than they do as text.
        let mut members = vec![
            ("version", canonical_json(&value(version))),
            ("name", canonical_json(&value(name))),
            ("description", canonical_json(&value(description))),
            ("metadata", canonical_json(&value(metadata))),
            ("schema", canonical_json(&value(schema))),
            ("recipe_sha256", canonical_json(&value(recipe_sha256))),
            ("overrides", canonical_json(&value(overrides))),
            ("seed", canonical_json(&value(seed))),
            ("launch", canonical_json(&value(launch))),
            ("resources", canonical_json(&value(resources))),
            ("network", canonical_json(&value(network))),
            ("storage", canonical_json(&value(storage))),
            ("nodes", canonical_json(&value(nodes))),
            ("services", canonical_json(&value(services))),
            ("trials", canonical_list(trials, value)),
            ("monitoring", canonical_json(&value(monitoring))),
            ("logging", canonical_json(&value(logging))),
            ("report", canonical_json(&value(report))),
        ];
        if let Some(search) = search {
            members.push(("search", canonical_json(&value(search))));
        }
        sha256_hex(canonical_object(members).as_bytes())
    }

    /// The trial with this id: one of the plan's, or that of a search at this point.
    pub fn trial(&self, id: &TrialId, point: Option<SearchPoint>) -> Option<TrialPlan> {
        let searched = || self.search.as_ref()?.trial(point?, self.seed);
        let planned = self.trials.iter().find(|trial| trial.id == *id).cloned();
        planned.or_else(searched).filter(|trial| trial.id == *id)
    }

    /// The loads of all trials; of a search, the one at its lowest level.
    pub fn workloads(&self) -> impl Iterator<Item = &WorkloadPlan> {
        let searched = self.search.iter().map(|search| &search.workload);
        self.trials.iter().map(|trial| &trial.workload).chain(searched)
    }

    /// Whether the plan, made by this build, is the one that was hashed.
    pub fn is_intact(&self) -> bool {
        self.version == PLAN_VERSION && self.hash == self.computed_hash()
    }

    /// Reads a plan that this build or an earlier one wrote. Its hash covers what the document says, so that members which
    /// a later build adds with a default do not make it another plan.
    ///
    /// # Errors
    /// The document is no plan, or not the one that was hashed.
    pub fn read(json: &[u8]) -> Result<Self, PlanError> {
        let document: Value = serde_json::from_slice(json)?;
        if document.get("version") != Some(&PLAN_VERSION.into()) {
            return Err(PlanError::Version);
        }
        let plan: Self = serde_json::from_value(document.clone())?;
        if plan.hash != hash_of(document) {
            return Err(PlanError::Hash);
        }
        Ok(plan)
    }
}

/// Why a document is not read as a plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is not JSON, or says something that no plan says.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It has another layout.
    #[error("its version is not {PLAN_VERSION}")]
    Version,
    /// It was changed after it was made.
    #[error("its hash does not belong to what it says")]
    Hash,
}

/// Hex SHA-256 of a plan's document without its hash.
pub(crate) fn hash_of(mut document: Value) -> String {
    if let Some(members) = document.as_object_mut() {
        members.shift_remove("hash");
    }
    sha256_hex(canonical_json(&document).as_bytes())
}
