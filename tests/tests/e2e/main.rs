//! The optimised program from end to end: real processes, real files, real services.

mod bad_input;
mod bad_luck;
mod bus_loss;
mod cancel;
mod definitions;
mod event_log;
mod fencing;
mod images;
mod kill_resume;
mod llama;
mod llama_cpp;
mod models;
mod node_counts;
mod orphans;
mod plain_client;
mod recomputed;
mod several_nodes;
mod signals;
mod spanning;
mod stand_ins;
mod strangers;
mod takeover;
mod telemetry;
mod tls;
mod verdict;
mod watch;
