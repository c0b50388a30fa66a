//! A real Slurm cluster of five nodes on this machine. One test at a time: there is room for one cluster.

mod containers;
mod errands;
mod leftovers;
mod loss;
mod preemption;
mod refusals;
mod steps;
mod submit;

use std::time::Duration;

/// How long what takes a second may take on a busy machine.
const SOON: Duration = Duration::from_secs(30);
