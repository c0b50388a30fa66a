//! Why a plan is no job.

use hpcbench_recipes::Role;

use crate::place::{Origin, RecipePath};
use crate::time::{InvalidTimeLimit, TimeLimit};

/// Why a plan is no job. [`Self::path`] is the place in the recipe that has to be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The plan is for one machine.
    #[error("the recipe is not for Slurm: `launch.mode` is `local`")]
    NotSlurm,
    /// The site's jobs are refused without it.
    #[error("the site refuses jobs without a project account: name one in `launch.account`")]
    NoAccount,
    /// Neither recipe nor site states a time limit.
    #[error("neither `launch.time_limit` nor the site file says how long the job may take")]
    NoTimeLimit,
    /// The time limit is none.
    #[error("{0}")]
    InvalidTimeLimit(#[from] InvalidTimeLimit),
    /// The site does not allow jobs to be that long.
    #[error("the time limit is {limit}, and the site allows {allowed} at most")]
    TooLong {
        /// What the recipe wants.
        limit: TimeLimit,
        /// What the site allows.
        allowed: TimeLimit,
    },
    /// The run would wind down before it begins.
    #[error("the run winds down {stop_before} s before a time limit of {limit}: no time is left")]
    NoTimeLeft {
        /// Seconds before the limit.
        stop_before: u64,
        /// The limit.
        limit: TimeLimit,
    },
    /// The site does not allow jobs to be that large.
    #[error("the run needs {nodes} nodes, and the site allows {allowed} at most")]
    TooManyNodes {
        /// Nodes of the run.
        nodes: usize,
        /// What the site allows.
        allowed: u32,
        /// The role with the most nodes.
        path: RecipePath,
    },
    /// Clients are to share more nodes than there are.
    #[error("{clients} client nodes cannot share {servers} server nodes")]
    MoreClientsThanServers {
        /// Client nodes.
        clients: u32,
        /// Server nodes.
        servers: u32,
    },
    /// The plan's nodes do not fit its own counts.
    #[error("the plan has {agents} agents of role {role}, which {hosts} nodes cannot have in equal number")]
    UnevenAgents {
        /// The role.
        role: Role,
        /// Agents of that role.
        agents: usize,
        /// Nodes of that role.
        hosts: u32,
    },
    /// Roles on one host want different things.
    #[error("{role} shares nodes that are asked for with {there:?} ({origin}), but names {here:?}")]
    Contradiction {
        /// The role that shares the node.
        role: Role,
        /// What it names.
        here: String,
        /// Where it does.
        path: RecipePath,
        /// What the node has.
        there: String,
        /// Who says so.
        origin: Origin,
    },
    /// Instances want more than their node has.
    #[error("{instances} instances with {each} {what} each do not fit a node with {available}")]
    TooManyInstances {
        /// Instances of a node.
        instances: u32,
        /// What each wants.
        each: u32,
        /// Of what.
        what: &'static str,
        /// What the node has.
        available: u32,
        /// Where it is said.
        path: RecipePath,
    },
    /// A type of something that is not asked for.
    #[error("a type of GPU without GPUs: only servers have them, as many as `nodes.servers.gpus` says")]
    GpuTypeWithoutGpus(RecipePath),
    /// Slurm hands an option down to the later parts of a heterogeneous job, where it is not wanted.
    #[error(
        "in a heterogeneous job, Slurm gives later parts the {option} of earlier ones, and {role} nodes have none: \
         name it for all roles or for none"
    )]
    HandedDown {
        /// The option.
        option: &'static str,
        /// A role that would get it.
        role: Role,
        /// Where to name it.
        path: RecipePath,
    },
    /// A value that Slurm could not even be asked with.
    #[error("{value:?} cannot be passed to Slurm: it {fault}")]
    Unusable {
        /// The value.
        value: String,
        /// What is wrong with it.
        fault: &'static str,
        /// Who says it.
        origin: Origin,
    },
    /// A directive that is none, or that belongs to this program.
    #[error("the directive {value:?} {fault}")]
    Directive {
        /// The directive.
        value: String,
        /// What is wrong with it.
        fault: String,
        /// Where it stands.
        path: RecipePath,
    },
}

impl LayoutError {
    /// The place in the recipe that has to be changed; none: it is the site file.
    pub fn path(&self) -> Option<RecipePath> {
        let fixed = match self {
            Self::NotSlurm => "launch.mode",
            Self::NoAccount => "launch.account",
            Self::NoTimeLimit | Self::InvalidTimeLimit(_) | Self::TooLong { .. } => "launch.time_limit",
            Self::NoTimeLeft { .. } => "launch.stop_before",
            Self::MoreClientsThanServers { .. } => "nodes.clients.count",
            Self::UnevenAgents { role, .. } => return Some(at(*role, "count")),
            Self::GpuTypeWithoutGpus(path)
            | Self::TooManyNodes { path, .. }
            | Self::Contradiction { path, .. }
            | Self::TooManyInstances { path, .. }
            | Self::HandedDown { path, .. }
            | Self::Directive { path, .. } => return Some(path.clone()),
            Self::Unusable { origin, .. } => return origin.recipe().cloned(),
        };
        Some(RecipePath::new(fixed))
    }
}

/// A key of a role's nodes.
pub(super) fn at(role: Role, key: &str) -> RecipePath {
    RecipePath::new(format!("nodes.{}.{key}", super::section(role)))
}
