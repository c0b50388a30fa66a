//! The cluster that a recipe is for: what is asked of it, and where this process is in it.

mod here;
mod hosts;
mod target;

pub(crate) use here::{Came, InJob};
pub(crate) use target::Target;
