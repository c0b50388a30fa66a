//! The program `hpcbench`: every command, and the processes that a run starts for itself.

mod cli;
mod cluster;
mod commands;
mod exit;
mod feed;
mod live;
mod logging;
mod program;
mod prompt;
mod recipe_file;
mod terminal;
mod writer;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}
