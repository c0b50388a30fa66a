//! Recipes: from the YAML file a user writes to the plan that a run executes.
//!
//! ```text
//! recipe.yaml ─► located tree ─► Recipe ─► Plan
//!                     └─ problems, each with file, line and column
//! ```
//!
//! Everything here is a pure function of its arguments: no clock, no random source, no runtime.

mod code;
mod diagnostic;
mod ids;
pub mod plan;
pub mod recipe;
mod tree;
pub mod units;

pub use code::{Code, UnknownCode};
pub use diagnostic::{Diagnostic, Severity, deny_warnings};
pub use ids::{InvalidToken, MAX_TOKEN_LENGTH, NodeId, Role, RunId, TrialId};
pub use plan::{Plan, PlannedNode, ServicePlan, TrialPlan, WorkloadPlan};
pub use recipe::Recipe;
