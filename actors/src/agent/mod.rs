//! An agent: what hpcbench runs on a node.
//!
//! It hosts the actors of the node's role, hands commands to them and their reports to the orchestrator, and holds no
//! truth: whatever it knows it was told or it can see.

mod claim;
mod context;
mod ending;
mod greeting;
mod hosted;
mod live;
mod needs;
mod orphan;
mod process;
mod suspension;

pub use claim::release as release_orphans;
pub(crate) use claim::settle_for_all as settle_orphans;
pub(crate) use context::Parts as ContextParts;
pub use context::{AgentContext, Deliver};
pub(crate) use greeting::GreetingFile;
pub use greeting::{Greeting, GreetingSource, OrphanOrders, ScratchPlace};
pub use hosted::Hosted;
pub use live::{LiveLine, LiveLines};
pub(crate) use needs::refuse_lack;
pub use orphan::{BOOT_VARIABLE, NODE_VARIABLE};
pub use process::{AgentError, AgentSetup, run_agent};
