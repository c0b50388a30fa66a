//! Samples of the node and its services while trials run, and the services' own account of each attempt.

mod node;

pub(crate) use node::Telemetry;
