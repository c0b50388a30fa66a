//! The command line: one definition for each flag, and the way from it to the command.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{
    agent, cancel, completions, doctor, guard, images, init, job, list, man, migrate, models, null_server,
    plan, replay, report, resume, run, schema, simulate, status, submit, validate, verify, watch, why,
};
use crate::{logging, program};

/// Benchmarks LLM inference services: one recipe in, one run directory out.
#[derive(Debug, Parser)]
#[command(name = "hpcbench", version = program::VERSION, max_term_width = 110, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Where runs are kept
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        env = "HPCBENCH_RUNS",
        hide_env_values = true,
        default_value = "./runs"
    )]
    runs_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done; every trial valid
  1  the run ended, but a trial failed or is not valid; or the run was cancelled or interrupted
  2  bad usage or an invalid recipe
  3  the environment lacks something: the message says how to get it
  4  the event log is damaged or does not verify";

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Validate(validate::ValidateArgs),
    Migrate(migrate::MigrateArgs),
    Schema(schema::SchemaArgs),
    Plan(plan::PlanArgs),
    Run(run::RunArgs),
    Submit(submit::SubmitArgs),
    Resume(resume::ResumeArgs),
    List(list::ListArgs),
    Status(status::StatusArgs),
    Watch(watch::WatchArgs),
    Cancel(cancel::CancelArgs),
    Replay(replay::ReplayArgs),
    Verify(verify::VerifyArgs),
    Why(why::WhyArgs),
    Report(report::ReportArgs),
    Simulate(Box<simulate::SimulateArgs>),
    Images(images::ImagesArgs),
    Models(models::ModelsArgs),
    Doctor(doctor::DoctorArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    #[command(hide = true)]
    Agent(agent::AgentArgs),
    #[command(hide = true)]
    Guard(guard::GuardArgs),
    #[command(hide = true)]
    NullServer(null_server::NullServerArgs),
    #[command(hide = true)]
    Job(job::JobArgs),
    #[command(hide = true)]
    Orphaned(job::OrphanedArgs),
}

/// Reads the command line and carries the command out.
///
/// # Errors
/// Whatever keeps the command from doing what it is for. What it finds out, such as a trial that is not valid, is in
/// the exit code.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let Cli { runs_dir, command } = Cli::parse();
    match command {
        Command::Init(args) => init::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Plan(args) => plan::run(&args, &runs_dir),
        Command::Run(args) => run::run(args, &runs_dir),
        Command::Submit(args) => submit::run(args, &runs_dir),
        Command::Resume(args) => resume::run(&args, &runs_dir),
        Command::List(args) => list::run(&args, &runs_dir),
        Command::Status(args) => status::run(&args, &runs_dir),
        Command::Watch(args) => watch::run(args, &runs_dir),
        Command::Cancel(args) => cancel::run(&args, &runs_dir),
        Command::Replay(args) => replay::run(&args, &runs_dir),
        Command::Verify(args) => verify::run(&args, &runs_dir),
        Command::Why(args) => why::run(&args, &runs_dir),
        Command::Report(args) => report::run(&args, &runs_dir),
        Command::Simulate(args) => {
            logging::to_stderr();
            simulate::run(&args).map(|()| ExitCode::SUCCESS)
        }
        Command::Images(args) => images::run(&args, &runs_dir),
        Command::Models(args) => models::run(&args, &runs_dir),
        Command::Doctor(args) => doctor::run(&args, &runs_dir),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Agent(args) => agent::run(args),
        Command::Guard(args) => guard::run(args),
        Command::NullServer(args) => null_server::run(&args),
        Command::Job(args) => job::run(args),
        Command::Orphaned(args) => job::orphaned(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
