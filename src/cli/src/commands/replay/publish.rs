//! Publishes a run's events again.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hpcbench_core::RunId;
use hpcbench_journal::Entry;
use hpcbench_nats::{BusError, Bytes, EventLine, Republisher};
use hpcbench_report::{Until, history, run_id};
use tokio::runtime::Runtime;

use super::playback::{self, RealTime, Sink};
use super::speed::Speed;
use crate::exit::Failure;
use crate::terminal;

/// How long a server may take to let us in.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How long it may take to make room for one event more.
const PUBLISH_DEADLINE: Duration = Duration::from_secs(30);
/// How long it may take to work through the events that it was sent.
const FINISH_DEADLINE: Duration = Duration::from_secs(30);

/// Where a NATS server is, as the user gave it. It may hold a password and is never shown; what is wrong with it is told
/// by who connects.
#[derive(Clone)]
pub(crate) struct ServerUrl(String);

impl FromStr for ServerUrl {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerUrl(..)")
    }
}

/// Publishes the events up to there and says how many the server has taken.
pub(super) fn publish(
    run_dir: &Path,
    until: Until,
    url: &ServerUrl,
    speed: Option<Speed>,
) -> anyhow::Result<()> {
    let entries = history(run_dir, until)?.map(|entry| Ok(entry?));
    let run = run_id(run_dir).ok_or_else(|| {
        let run_dir = run_dir.display();
        Failure::Usage(format!(
            "{run_dir} has no event run.created, so its events have no subjects"
        ))
    })?;
    // The connection has a thread of its own, which answers the server while a playback waits.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("failed to start the connection's thread")?;
    let connecting = Republisher::connect(&url.0, CONNECT_DEADLINE);
    let republisher = runtime.block_on(connecting).map_err(in_user_terms)?;
    let mut published = Published {
        runtime,
        republisher,
        run,
        left_out: 0,
    };
    let played = playback::play(entries, speed, &mut RealTime::start(), &mut published);
    let told = published.finish();
    played.and(told)
}

/// What the user got wrong is bad usage; the rest is up to the environment.
fn in_user_terms(error: BusError) -> anyhow::Error {
    let is_usage = matches!(error, BusError::Url { .. });
    let error = anyhow::Error::new(error);
    if is_usage {
        error.context(Failure::Usage("failed to publish".to_owned()))
    } else {
        error.context("failed to publish")
    }
}

struct Published {
    runtime: Runtime,
    republisher: Republisher,
    run: RunId,
    /// Events of types that no subject can have.
    left_out: u64,
}

impl Sink for Published {
    fn event(&mut self, entry: &Entry) -> anyhow::Result<()> {
        let Ok(kind) = entry.event.kind.parse() else {
            self.left_out += 1;
            return Ok(());
        };
        let line = EventLine {
            seq: entry.event.seq,
            kind,
            line: Bytes::from_owner(Arc::clone(&entry.line)),
        };
        let publishing = self.republisher.publish(&self.run, &line, PUBLISH_DEADLINE);
        self.runtime.block_on(publishing).map_err(in_user_terms)
    }

    /// The connection holds nothing back.
    fn flush(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Published {
    /// Waits for the server and says what it has taken.
    fn finish(self) -> anyhow::Result<()> {
        let finishing = self.republisher.finish(FINISH_DEADLINE);
        let taken = self.runtime.block_on(finishing).map_err(in_user_terms)?;
        terminal::say(&format!("the server has taken {taken} events of {}", self.run));
        match self.left_out {
            0 => {}
            1 => terminal::say("1 event has a type that no subject can have, and was left out"),
            more => terminal::say(&format!(
                "{more} events have types that no subject can have, and were left out"
            )),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_not_shown() {
        let url: ServerUrl = "nats://ada:secret@host".parse().unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }
}
