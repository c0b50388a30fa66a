//! Recipes: from the YAML file a user writes to the plan that a run executes.

mod ids;

pub use ids::{InvalidToken, MAX_TOKEN_LENGTH, NodeId, Role, RunId, TrialId};
