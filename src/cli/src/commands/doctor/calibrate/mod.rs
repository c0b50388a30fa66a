//! How much load the load engine can produce on this node while the verdict's checks on the client find nothing.
//!
//! The real engine is measured against a server that does as little as can be, which runs on the same node: on a node of
//! their own, clients reach at least as much.

mod level;
mod null_server;
mod search;
mod text;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hpcbench_load::{Awake, wake_up_p99};
use serde::Serialize;

use self::level::{Load, Measured, Node};
use self::null_server::NullServer;
use self::search::{Bounds, Limit, Stop, search};
use crate::terminal;

pub(super) use text::of as text;

/// What is tried, in this order; each has the same time.
const LOADS: [Load; 3] = [
    Load::Requests,
    Load::Streams { itl_ms: 10 },
    Load::Streams { itl_ms: 100 },
];
/// Windows that fit into the whole time, with their warm-ups: some ten levels a load.
const WINDOWS: u32 = 45;

/// How much load this node can produce.
#[derive(Debug, Serialize)]
pub(super) struct Calibration {
    /// How long it took.
    seconds: f64,
    /// The null server took its processor time from the same node.
    null_server_on_this_node: bool,
    wake_up: WakeUp,
    ceilings: Vec<Ceiling>,
}

/// How late a processor core wakes up, p99, milliseconds. The ceilings are those of cores that are kept awake, where they can be.
#[derive(Debug, Serialize)]
struct WakeUp {
    asleep_p99_ms: f64,
    /// None where this program's processor time is limited.
    kept_awake_p99_ms: Option<f64>,
}

/// The most of one load that was produced without doubts.
#[derive(Debug, Serialize)]
struct Ceiling {
    #[serde(flatten)]
    load: Load,
    /// The highest level that held; null if none did.
    highest: Option<u32>,
    /// What was measured there.
    measured: Option<Measured>,
    /// What kept the next level from holding.
    limit: Option<LimitAt>,
    stop: Stop,
}

/// What kept a level from holding.
#[derive(Debug, Serialize)]
struct LimitAt {
    level: u32,
    #[serde(flatten)]
    limit: Limit,
}

/// Measures for about so many seconds.
///
/// # Errors
/// The null server does not start, or the engine cannot measure at all.
pub(super) fn run(seconds: u32, scratch: &Path) -> anyhow::Result<Calibration> {
    terminal::say(&format!(
        "calibrating for about {seconds} s: the load engine against a null server on this node; leave the node alone meanwhile"
    ));
    let total = Duration::from_secs(seconds.into());
    let began = Instant::now();
    let wake_up = wake_up()?;
    let mut ceilings = Vec::with_capacity(LOADS.len());
    for (index, load) in (1..).zip(LOADS) {
        // What one search leaves is there for the next ones.
        let deadline = began + total * index / LOADS.len() as u32;
        ceilings.push(ceiling(load, total / WINDOWS, deadline, scratch)?);
    }
    Ok(Calibration {
        seconds: began.elapsed().as_secs_f64(),
        null_server_on_this_node: true,
        wake_up,
        ceilings,
    })
}

fn wake_up() -> anyhow::Result<WakeUp> {
    let milliseconds = |late: Duration| late.as_secs_f64() * 1e3;
    let asleep = wake_up_p99();
    let awake = Awake::keep(&[]).context("cannot keep processor cores awake")?;
    Ok(WakeUp {
        asleep_p99_ms: milliseconds(asleep),
        kept_awake_p99_ms: awake.is_any().then(|| milliseconds(wake_up_p99())),
    })
}

fn ceiling(load: Load, window: Duration, deadline: Instant, scratch: &Path) -> anyhow::Result<Ceiling> {
    let server = NullServer::start(load, scratch)?;
    let node = Node {
        server: server.address(),
        scratch,
        window,
    };
    let measure = |level| {
        let tried = level::measure(load, level, &node)?;
        terminal::say(&text::progress(load, level, &tried));
        Ok::<_, anyhow::Error>(tried)
    };
    let found = search(load.bounds(), measure, || Instant::now() >= deadline)?;
    let (highest, measured) = found.held.unzip();
    Ok(Ceiling {
        load,
        highest,
        measured,
        limit: found.failed.map(|(level, limit)| LimitAt { level, limit }),
        stop: found.stop,
    })
}

impl Load {
    const fn bounds(self) -> Bounds {
        match self {
            Self::Requests => Bounds {
                least: 50,
                start: 1_000,
                most: 1_000_000,
            },
            Self::Streams { itl_ms } => Bounds {
                least: 5,
                start: if itl_ms < 50 { 250 } else { 1_000 },
                most: 100_000,
            },
        }
    }
}
