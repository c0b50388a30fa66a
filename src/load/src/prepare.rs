//! Everything that can be found wrong before the clock starts, and everything that would disturb it later.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use hpcbench_records::{BlockWriter, WriteError};
use hpcbench_stats::{MAX_ENDPOINTS, StampSource};
use hpcbench_timing::StampKeeper;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::cores;
use crate::dialect::BodyTemplate;
use crate::limits::{self, LimitError};
use crate::plan::{Plan, Server, ServerTls};
use crate::prepared::Prepared;
use crate::prompts::{PromptError, PromptSet};
use crate::recorded::RecordedPrompts;
use crate::schedule::{Arrivals, ShapeError};
use crate::secret::Secret;
use crate::spec::{Connections, Endpoint, Length, LoadSpec, PromptSource, Shape};
use crate::tls::{Configs, TrustError, server_name};

/// Most engine threads of a client.
const MAX_THREADS: u32 = 256;

/// Users of a closed loop for each core but one, above which no core is left out. With 2,000 on two cores, a service there too,
/// one thread was at its limit and read late by 38 to 52 ms (p99), two by 18 to 28 ms; with 500 one was better.
const USERS_FOR_ALL_CORES: u64 = 1_000;

/// Why a load cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A value that makes no sense.
    #[error("{what}: {problem}")]
    Invalid {
        /// Which part of the specification.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The shape makes no schedule.
    #[error("the load's shape")]
    Shape(#[from] ShapeError),
    /// The prompts cannot be made.
    #[error("the workload's prompts")]
    Prompts(#[from] PromptError),
    /// The system allows fewer connections than the load may need.
    #[error("the system's limits")]
    Limits(#[from] LimitError),
    /// TLS cannot be spoken with an endpoint.
    #[error("the endpoints' TLS")]
    Trust(#[from] TrustError),
    /// A file for records cannot be opened.
    #[error("the records' files")]
    Records(#[from] WriteError),
    /// No socket can be had to learn about time stamps.
    #[error("cannot ask the kernel for receive time stamps")]
    Stamps(#[source] io::Error),
}

/// Makes a load ready: checks it, makes its prompts, opens its files. `secrets` are what endpoints' keys point into.
///
/// # Errors
/// See [`PrepareError`]. Nothing has been sent by then.
pub fn prepare(spec: LoadSpec, secrets: &[Secret]) -> Result<Prepared, PrepareError> {
    check(&spec)?;
    let threads = threads(&spec);
    let share = spec.client.of(u64::from(spec.shape.max_in_flight()));
    let most_connections = limits::check(&spec, share, threads)?;
    let mut configs = Configs::default();
    let servers = spec
        .endpoints
        .iter()
        .map(|endpoint| server(endpoint, &spec, secrets, &mut configs))
        .collect::<Result<_, _>>()?;
    let prompts = PromptSet::generate(&spec.prompts, spec.dialect, spec.seed, requests(&spec))?;
    let recorded = recorded(&spec, &prompts);
    let body = BodyTemplate::new(spec.dialect, &spec.model, spec.stream, spec.sampling);
    let cores = cores::choose(spec.pin, threads);
    let (keeper, stamps) = match StampKeeper::new() {
        Ok(keeper) => (Some(keeper), StampSource::Kernel),
        Err(error) if is_unsupported(&error) => (None, StampSource::User),
        Err(error) => return Err(PrepareError::Stamps(error)),
    };
    // Last, so that whatever fails before leaves no file behind.
    let mut writers = Vec::new();
    for thread in 0..threads {
        writers.push(BlockWriter::create(block_path(&spec, thread))?);
    }
    let plan = Plan {
        spec,
        prompts,
        recorded,
        servers,
        body,
        threads,
        most_connections,
        cores,
    };
    Ok(Prepared::new(plan, writers, keeper, stamps))
}

/// Requests of all clients, where that is known before they are sent.
fn requests(spec: &LoadSpec) -> Option<u64> {
    let counted = match spec.length {
        Length::Requests(requests) if spec.warmup.is_zero() => Some(requests),
        _ => None,
    };
    let recorded = match &spec.shape {
        Shape::Trace { requests, .. } => Some(requests.len() as u64),
        _ => None,
    };
    counted.into_iter().chain(recorded).min()
}

/// What takes the place of synthetic prompts where a trace says how long they are.
fn recorded(spec: &LoadSpec, prompts: &PromptSet) -> Option<RecordedPrompts> {
    match (&spec.shape, &spec.prompts.source) {
        (
            Shape::Trace {
                requests,
                block_tokens,
                ..
            },
            PromptSource::Synthetic { .. },
        ) => Some(RecordedPrompts::new(
            Arc::clone(requests),
            *block_tokens,
            spec.dialect,
            spec.prompts.nonce,
            spec.seed,
            Arc::clone(prompts.lexicon()),
        )),
        _ => None,
    }
}

/// Where thread `thread` puts its records.
fn block_path(spec: &LoadSpec, thread: u32) -> PathBuf {
    spec.scratch.join(format!("records-{thread:03}.blocks"))
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(nix::libc::ENOPROTOOPT | nix::libc::EOPNOTSUPP | nix::libc::EINVAL)
    )
}

/// Engine threads: as asked, else what suits the cores; never more than there are requests to carry.
fn threads(spec: &LoadSpec) -> u32 {
    let cores = available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(MAX_THREADS));
    let in_flight = spec.client.of(u64::from(spec.shape.max_in_flight()));
    let users = if matches!(spec.shape, Shape::Closed { .. }) {
        in_flight
    } else {
        0
    };
    let wanted = spec
        .threads
        .map_or_else(|| suited(cores, users), |threads| u32::from(threads.get()));
    wanted
        .min(u32::try_from(in_flight).unwrap_or(MAX_THREADS))
        .clamp(1, MAX_THREADS)
}

/// One core is left to whoever else there is, unless each of the others would have more than a thousand users.
fn suited(cores: u32, users: u64) -> u32 {
    let others = cores.saturating_sub(1);
    if users > u64::from(others) * USERS_FOR_ALL_CORES {
        cores
    } else {
        others
    }
}

fn check(spec: &LoadSpec) -> Result<(), PrepareError> {
    let invalid = |what, problem: &str| {
        Err(PrepareError::Invalid {
            what,
            problem: problem.to_owned(),
        })
    };
    if !spec.client.is_valid() {
        return invalid("client", "its index must be below the number of clients");
    }
    if spec.endpoints.is_empty() || spec.endpoints.len() > MAX_ENDPOINTS {
        return invalid(
            "endpoints",
            &format!("there must be between 1 and {MAX_ENDPOINTS}"),
        );
    }
    if !is_header_value(&spec.request_prefix) || spec.request_prefix.is_empty() {
        return invalid("request_prefix", "it must be visible ASCII text");
    }
    if spec.timeout.is_zero() {
        return invalid("timeout", "it must be longer than zero");
    }
    if spec.client.of(u64::from(spec.shape.max_in_flight())) == 0 {
        return invalid(
            "shape",
            "there are fewer users, or requests in flight, than clients: use fewer clients",
        );
    }
    if spec.shape.turns().is_some() && !spec.dialect.takes_messages() {
        return invalid("shape", "conversations need a dialect that takes messages");
    }
    if spec.connections
        == (Connections::Reuse {
            max_age: Some(Duration::ZERO),
        })
    {
        return invalid("connections", "their largest age must be longer than zero");
    }
    match spec.length {
        Length::Duration { duration, .. } if duration.is_zero() => {
            return invalid("duration", "it must be longer than zero");
        }
        Length::Requests(0) => return invalid("requests", "there must be at least one"),
        _ => {}
    }
    Arrivals::new(&spec.shape, Xoshiro256PlusPlus::seed_from_u64(spec.seed))?;
    Ok(())
}

/// Checks an endpoint, and makes its part of the requests.
fn server(
    endpoint: &Endpoint,
    spec: &LoadSpec,
    secrets: &[Secret],
    configs: &mut Configs,
) -> Result<Server, PrepareError> {
    let invalid = |problem: &str| PrepareError::Invalid {
        what: "endpoint",
        problem: format!("{}: {problem}", endpoint.address),
    };
    if endpoint.host.is_empty() || !is_header_value(&endpoint.host) {
        return Err(invalid("the host must be visible ASCII text"));
    }
    let path = &endpoint.base_path;
    if !is_header_value(path) || path.contains(' ') || !(path.is_empty() || path.starts_with('/')) {
        return Err(invalid(
            "the base path must start with a slash and have no spaces",
        ));
    }
    let key = endpoint.key.map(|index| {
        secrets
            .get(index)
            .ok_or_else(|| invalid("its key is not among the secrets"))
    });
    let key = key.transpose()?;
    if key.is_some_and(|key| !is_header_value(key.reveal())) {
        return Err(invalid("its key has characters that no header can carry"));
    }
    let tls = match &endpoint.tls {
        Some(tls) => Some(ServerTls {
            config: configs.get(&tls.trust)?,
            name: server_name(&tls.server_name)?,
        }),
        None => None,
    };
    Ok(Server::new(endpoint, spec.dialect, spec.connections, key, tls))
}

/// Whether text can stand in a request's head without changing its meaning.
fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

#[cfg(test)]
mod tests {
    use super::suited;

    #[test]
    fn a_core_is_left_unless_the_others_have_thousands_of_users() {
        assert_eq!((suited(2, 500), suited(2, 1_000), suited(2, 1_001)), (1, 1, 2));
        assert_eq!((suited(64, 63_000), suited(64, 100_000)), (63, 64));
        assert_eq!((suited(8, 0), suited(1, 0), suited(1, 1)), (7, 0, 1));
    }
}
