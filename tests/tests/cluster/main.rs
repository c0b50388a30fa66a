//! Real Slurm clusters of five nodes on this machine, one for each test that runs.

mod by_hand;
mod containers;
mod ends;
mod errands;
mod giving_way;
mod heterogeneous;
mod leftovers;
mod loss;
mod lost_nodes;
mod node_counts;
mod placement;
mod preemption;
mod ray;
mod refusals;
mod staging;
mod starts;
mod steps;
mod submit;
mod submit_refusals;
mod time_limit;

use std::time::Duration;

/// How long what takes a second may take on a busy machine.
const SOON: Duration = Duration::from_secs(30);
