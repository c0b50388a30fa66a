//! The actors: where the pure state machine meets processes, the bus, the load engine and files.

pub mod process;
