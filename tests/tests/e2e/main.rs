//! The optimised program from end to end: real processes, real files, real services.

mod bad_input;
mod bad_luck;
mod event_log;
mod kill_resume;
mod llama;
mod orphans;
mod signals;
mod takeover;
