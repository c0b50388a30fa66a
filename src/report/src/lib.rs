//! What people and scripts get to see of a run.
//!
//! Events as they happen, a line each: [`live::EventLines`].

pub mod live;
mod words;
