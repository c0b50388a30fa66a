//! A simulated LLM inference service: a real HTTP server with exact, adjustable timing, faults on request, and a record
//! of what it really did.
//!
//! It speaks OpenAI's chat and completions, Ollama's API, health checks and vLLM's metrics. `GET /truth` tells for every
//! request when it arrived (by the kernel's stamp) and when its tokens were sent, so that a client's measurements can be
//! checked against the truth.
//!
//! Asking for the truth of some 100,000 requests takes the one thread some 100 ms: ask when the load is over.
//!
//! Everything that is decided is decided in pure parts that are handed the time: when tokens are due (`timing_model`),
//! who is admitted (`scheduler`), what a response consists of (`generation`, `render`), what is remembered (`truth`,
//! `metrics`). `engine` puts them together, and `server` is the shell with the sockets: one thread, one `epoll`, one
//! precise timer.
//!
//! ```no_run
//! use hpcbench_sim::{Simulator, SimulatorConfig};
//!
//! let simulator = Simulator::bind(SimulatorConfig::default())?;
//! println!("listening on http://{}", simulator.address());
//! let stop = simulator.stop_handle();
//! std::thread::spawn(move || simulator.run());
//! stop.stop();
//! # Ok::<(), hpcbench_sim::SimError>(())
//! ```

mod api;
mod catalog;
mod config;
mod draw;
mod duration;
mod engine;
mod fault;
mod generation;
mod http;
mod metrics;
mod render;
mod scheduler;
mod server;
mod timers;
mod timing_model;
mod truth;

pub use config::{
    InvalidConfig, MAX_DRIFT, MAX_FAULT_SHARES, MAX_MODEL_NAME_BYTES, MAX_OUTPUT_TOKENS, MAX_SLOWDOWN,
    MAX_TRUTH_REQUESTS, RoleChunk, SimulatorConfig,
};
pub use duration::{InvalidDuration, MAX_DURATION, SimDuration};
pub use fault::{Ending, FAULT_HELP, FaultShare, Faults, InvalidFault, MAX_TOKENS_PER_CHUNK};
pub use server::{Exit, SimError, Simulator, StopHandle, serve};
