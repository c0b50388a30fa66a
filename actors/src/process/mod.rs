//! Child processes: none outlives its run, whoever is killed first.
//!
//! ```text
//! hpcbench run ──pipe──► hpcbench agent ──pipe──► hpcbench guard ──► service ──► its children
//!      └──────pipe──► hpcbench guard ──► nats-server
//! ```
//!
//! Every child has a lifeline: a pipe as its standard input whose other end its parent holds. When the parent dies,
//! in whatever way, the kernel closes the pipe and the child ends itself. A service cannot be expected to watch a
//! pipe: a small guard does it in its place and ends the whole tree below it. Should the guard be killed, the
//! service gets a signal from the kernel (`PR_SET_PDEATHSIG`).

mod child;
mod guard;
mod leftovers;
mod listener;
mod spawner;
mod tree;

pub use child::{Child, Exit};
pub use guard::{GuardOptions, exec_child, run_guard};
pub use leftovers::RUN_VARIABLE;
pub(crate) use leftovers::run_mark;
pub use leftovers::{Leftovers, kill_leftovers};
pub use listener::{ListenerOwner, listener_owner};
pub use spawner::{ChildSpec, Guarding, SpawnError, Spawner};
pub use tree::{children_of, kill_descendants};
