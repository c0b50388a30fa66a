//! The service over real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod client;
mod faults;
mod lifecycle;
mod limits;
mod ollama;
mod openai;
mod truth;
