//! An agent: what hpcbench runs on a node.
//!
//! It hosts the actors of the node's role, hands commands to them and their reports to the orchestrator, and holds no
//! truth: whatever it knows it was told or it can see.

mod context;
mod greeting;
mod hosted;
mod process;

pub(crate) use context::Parts as ContextParts;
pub use context::{AgentContext, Deliver, Live};
pub use greeting::Greeting;
pub use hosted::Hosted;
pub use process::{AgentError, run_agent};
