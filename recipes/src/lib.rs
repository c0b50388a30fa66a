//! Recipes: from the YAML file a user writes to the plan that a run executes.
//!
//! ```text
//! recipe.yaml ─► located tree ─► Recipe ─► Plan
//!                     └─ problems, each with file, line and column
//! ```
//!
//! Everything here is a pure function of its arguments: no clock, no random source, no runtime. Only
//! [`DiskFiles`] looks at the disk.

mod canonical;
mod catalog;
mod check;
mod code;
mod diagnostic;
mod draft;
mod edit;
pub mod estimate;
mod expand;
mod files;
mod ids;
mod migrate;
mod overrides;
pub mod plan;
mod problem;
pub mod recipe;
mod render;
mod rules;
mod schema;
mod secret_words;
mod sweep;
#[cfg(test)]
mod testing;
pub mod trace;
mod tree;
pub mod units;
mod write;

pub use catalog::{InvalidOptions, KindDescription, Placement, ServiceCatalog, ServiceProblem, Staging};
pub use check::{Checked, Input, RecipeChecker, problem_at};
pub use code::{Code, Example, UnknownCode};
pub use diagnostic::{Diagnostic, Severity};
pub use draft::Draft;
pub use edit::Edit;
pub use files::{DiskFiles, Files, PathBase};
pub use ids::{InvalidToken, MAX_TOKEN_LENGTH, NodeId, Role, RunId, TrialId};
pub use migrate::{Lost, Migration, migrate};
pub use overrides::MAX_OVERRIDES;
pub use plan::{Plan, PlanError, PlannedNode, ServicePlan, TrialPlan, WorkloadPlan};
pub use recipe::Recipe;
pub use render::{FileReport, Sources, ValidationReport, render};
pub use schema::{guide_text, json_schema, schema_text};
pub use secret_words::without_secrets;
pub use sweep::{MAX_COMBINATIONS, MAX_TRIALS};
pub use tree::{MAX_DEPTH, MAX_NODES, MAX_SOURCE_BYTES, MAX_TEXT_BYTES};
