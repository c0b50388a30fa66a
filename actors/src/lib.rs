//! The actors: where the pure state machine meets processes, the bus, the load engine and files.
//!
//! | actor | runs on | does |
//! |---|---|---|
//! | [orchestrator] | the orchestrator node | decides, and is the only one that holds state |
//! | [supervisor] | server nodes | starts, watches and stops service instances |
//! | [client pool](client_pool) | client nodes | drives the load |
//! | [log collector](log_collector) | every node | keeps the logs of the programs there |
//!
//! All but the orchestrator are stateless as far as the run is concerned: they are told what to do and report what
//! happens.

pub mod agent;
pub mod client_pool;
mod expectations;
pub mod log_collector;
pub mod orchestrator;
pub mod process;
pub mod shell;
pub mod supervisor;
mod telemetry;
mod tls;
