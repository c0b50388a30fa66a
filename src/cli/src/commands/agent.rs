//! `hpcbench agent`: the process that hosts one node's actors. A run starts it for itself.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use hpcbench_actors::agent::{AgentSetup, GreetingSource, run_agent};
use hpcbench_core::{NodeId, Role};

use crate::{logging, program};

/// Where Slurm's topology plugin tells a step its host's place in the network.
const TOPOLOGY: &str = "SLURM_TOPOLOGY_ADDR";

/// Host the actors of one node. A run starts such processes for itself.
#[derive(Debug, clap::Args)]
pub(crate) struct AgentArgs {
    /// The run's directory
    #[arg(long, value_name = "DIR")]
    run_dir: PathBuf,
    /// The node's token
    #[arg(long)]
    node: NodeId,
    /// What the node is there for
    #[arg(long, value_parser = parse_role)]
    role: Role,
    /// The file that holds the rest, which is removed; otherwise it is on standard input
    #[arg(long, value_name = "FILE")]
    greeting: Option<PathBuf>,
}

/// Works for a run until its orchestrator lets it end.
///
/// # Errors
/// The orchestrator or the bus is gone, or the agent was not started by one.
pub(crate) fn run(args: AgentArgs) -> anyhow::Result<ExitCode> {
    let AgentArgs {
        run_dir,
        node,
        role,
        greeting,
    } = args;
    logging::of_agent(&run_dir, &node)?;
    let work = run_agent(AgentSetup {
        run_dir,
        node: node.clone(),
        role,
        hpcbench: program::executable()?,
        topology: std::env::var(TOPOLOGY).ok(),
        greeting: greeting.map_or(GreetingSource::StandardInput, GreetingSource::File),
    });
    actix::System::new()
        .block_on(work)
        .with_context(|| format!("the agent of {node} ends"))
        .inspect_err(|error| tracing::error!("{}", crate::exit::in_words(error)))?;
    Ok(ExitCode::SUCCESS)
}

fn parse_role(text: &str) -> anyhow::Result<Role> {
    [Role::Server, Role::Client]
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| anyhow!("it must be server or client"))
}
