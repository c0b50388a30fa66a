//! What is varied.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Search;

/// What to vary: each point of the sweep, times the repetitions, is a trial.
///
/// Parameters are named by their path in the recipe, such as `workload.load.concurrency` or `service.options.ttft`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sweep {
    /// Parameters with their values; every combination is a point. A parameter is named by its path, such as
    /// `workload.load.concurrency`, `service.options.ttft`, `nodes.servers.count`, `nodes.clients.count` or
    /// `nodes.servers.instances_per_node`. Where numbers of nodes are varied, the run has as many as any trial needs: each trial
    /// uses the first ones of each role, and the others are idle meanwhile. All else in `nodes` is the same for all trials, since
    /// they share one allocation.
    #[schemars(schema_with = "axes")]
    pub matrix: Map<String, Value>,
    /// Groups of parameters whose values advance together; each group is combined with all else.
    #[schemars(schema_with = "axes_list")]
    pub zip: Vec<Map<String, Value>>,
    /// Points to leave out: parameters, all of which must match, each with a value, a list of values, or a range of numbers
    /// such as `{above: 64}`, with any of `above`, `at_least`, `below` and `at_most`.
    #[schemars(length(max = 1000))]
    pub exclude: Vec<Map<String, Value>>,
    /// Instead of a matrix: a search for the highest load that keeps the objectives of `workload.slo`.
    pub search: Option<Search>,
    /// How often each point is measured.
    #[schemars(range(min = 1, max = 1000))]
    pub repetitions: NonZeroU32,
    /// The order of trials. Trials that share a service stay together, unless it is `exact`.
    pub order: Order,
    /// Seed of everything that is drawn at random. 0 to 2^53 - 1.
    #[schemars(range(max = 9_007_199_254_740_991u64))]
    pub seed: u64,
}

fn axes(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "additionalProperties": { "type": "array", "minItems": 1 },
    })
}

fn axes_list(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "array", "items": axes(generator) })
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            matrix: Map::new(),
            zip: Vec::new(),
            exclude: Vec::new(),
            search: None,
            repetitions: NonZeroU32::MIN,
            order: Order::Declared,
            seed: 0,
        }
    }
}

/// The order of trials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As the recipe lists them; the last parameter varies fastest, repetitions slowest.
    #[default]
    Declared,
    /// Drawn at random from the seed.
    Shuffled,
    /// As `declared`, even where that ends a service and starts it again later: trials that share one do not stay together.
    Exact,
}
