//! Samples of the node and its services while trials run, and the services' own account of each attempt.
//!
//! A thread samples the node and its GPUs; services are scraped while they are observed. Samples go into a file on the
//! node's disk, which becomes a table in the run directory when the agent's logs are finished.

mod account;
mod node;
mod observation;
mod recorder;
mod sampler;
mod scrape;

pub(crate) use node::{Taken, Telemetry};
