//! `hpcbench man`: manual pages, made from the definition of the command line.

use std::process::ExitCode;

use clap::{Command, CommandFactory};

use crate::cli::Cli;
use crate::exit::Failure;
use crate::terminal;

/// Print a manual page, to be read with `man -l -` or put where man looks for it
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The command that it is about; none: the whole program
    command: Option<String>,
}

/// Prints the page.
///
/// # Errors
/// There is no such command, or the page cannot be printed.
pub(crate) fn run(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let mut program = Cli::command();
    program.build();
    let page = match &args.command {
        Some(name) => of_command(&program, name)?,
        None => program,
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    terminal::print(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::SUCCESS)
}

/// The definition of a command; once built, its page is named like `hpcbench-run`.
fn of_command(program: &Command, name: &str) -> Result<Command, Failure> {
    let found = program
        .find_subcommand(name)
        .filter(|command| !command.is_hide_set());
    let command = found.ok_or_else(|| Failure::Usage(format!("there is no command {name:?}")))?;
    Ok(command.clone())
}
