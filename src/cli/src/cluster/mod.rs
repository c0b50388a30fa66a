//! The cluster that a recipe is for: what is asked of it, and where this process is in it.

mod errand;
mod fetching;
mod here;
mod hosts;
mod target;

pub(crate) use errand::{Asking, Errand, ErrandOptions, Standing, directory_for};
pub(crate) use fetching::by_job;
pub(crate) use here::{Came, InJob};
pub(crate) use target::{Target, site_named};
