//! Shared helpers of the end-to-end tests: the program in a world of its own, real services beside it, and ways to look
//! at what is left behind. They know the program only from outside: by its arguments, files, processes and ports.

mod apptainer_tool;
mod bus_server;
mod cluster;
mod events;
mod guide;
mod harness;
mod hpcbench;
mod http;
mod image;
mod listener;
mod llama;
mod llama_files;
mod paths;
mod processes;
mod random;
mod recipe;
mod server;
mod simulator;
mod skip;
pub mod sound;
mod stop_at;
pub mod summary;
mod wait;
mod workdir;

pub use apptainer_tool::Apptainer;
pub use bus_server::ForgetfulBus;
pub use cluster::{Cluster, Job, Profile};
pub use events::{Line, data, events, history, of_type, terminal};
pub use guide::{GuideVerifier, blocks};
pub use hpcbench::{Finished, Hpcbench, Running};
pub use http::{Response, get, post};
pub use image::LlamaImage;
pub use listener::Listener;
pub use llama::Llama;
pub use llama_files::LlamaFiles;
pub use paths::{binary, workspace};
pub use processes::{Process, processes_of};
pub use random::Random;
pub use recipe::Recipe;
pub use server::{Server, free_port};
pub use simulator::Simulator;
pub use skip::skip;
pub use stop_at::{Point, StopAt};
pub use wait::wait_until;
pub use workdir::Workdir;
