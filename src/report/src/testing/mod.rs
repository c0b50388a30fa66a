//! A plan and histories for tests.

mod plan;
mod searched;
mod stories;
mod story;

pub(crate) use plan::plan;
pub(crate) use searched::searched;
pub(crate) use stories::{interrupted_and_cancelled, measured, quickstart, resumed_twice, troubled};
pub(crate) use story::Story;
