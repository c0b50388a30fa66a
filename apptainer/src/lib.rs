//! Apptainer: images, and how a command runs inside one. The only place that knows Apptainer.
//!
//! ```text
//! docker://… ── pull ──► image.sif ── stage ──► a node's disk
//!                            │
//! LaunchCommand ──────────  exec ──► apptainer exec … image.sif program arguments
//! ```
//!
//! What is decided without the outside world is in [`exec`], [`Bind`] and [`allowed_variables`]; the rest asks the disk or
//! the program `apptainer`.

mod bind;
mod container;
mod disk;
mod environment;
mod failure;
mod hash;
mod image;
mod lock;
mod program;
mod pull;
mod room;
mod stage;
#[cfg(test)]
mod testing;

pub use bind::{Access, Bind, BindError};
pub use container::{Container, ContainerError, exec, exec_argv, prepare};
pub use environment::{allowed_variables, inside};
pub use failure::FailureKind;
pub use image::{Image, ImageError, ImageForm, ImageRef};
pub use lock::{Lock, LockError, LockTimes};
pub use program::{Apptainer, ApptainerError};
pub use pull::{PullError, PullEvent, PullOptions, Pulled, pull};
pub use room::{RoomError, has_room};
pub use stage::{StageError, stage};
