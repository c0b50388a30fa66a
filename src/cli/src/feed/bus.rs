//! The run's bus as a source of events, while it can be reached.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hpcbench_core::Seq;
use hpcbench_nats::{BusError, Incoming, Observed, Observer, ObserverBus, Rendezvous};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(2);
/// How long the file is left alone at first, so that a bus that can be reached is the one source.
const HEAD_START: Duration = Duration::from_millis(500);
/// Shortest and longest pause before the bus is tried again. On a host that cannot reach it, it never will be.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A bus that says nothing for so long may have nothing to say, or not work: the file tells.
const SILENCE: Duration = Duration::from_secs(3);

/// A bus that is silent for so long has sent its history.
const QUIET: Duration = Duration::from_secs(1);

/// The run's bus, which comes and goes.
pub(super) struct Bus {
    run_dir: PathBuf,
    since: Instant,
    state: State,
    /// Pause after the next failure.
    retry: Duration,
}

enum State {
    /// To be tried then.
    Away(Instant),
    Connecting(JoinHandle<Result<Connection, BusError>>),
    Open {
        connection: Box<Connection>,
        /// When it was heard last.
        heard: Instant,
        /// Whether there was nothing more to send after the last event.
        through: bool,
    },
}

struct Connection {
    /// Ends all streams when it is dropped.
    observer: Observer,
    events: Incoming<Observed>,
}

impl Bus {
    /// The bus of the run in this directory. Nothing happens before [`Self::next`].
    pub(super) fn new(run_dir: &Path) -> Self {
        let since = Instant::now();
        // Without the file there is nothing to wait for at first.
        let pause = if Rendezvous::path(run_dir).exists() {
            Duration::ZERO
        } else {
            RETRY.0
        };
        Self {
            run_dir: run_dir.to_owned(),
            since,
            state: State::Away(since + pause),
            retry: RETRY.0,
        }
    }

    /// What it says next; it is asked for the events from `from` on when a connection comes about. Pending while it
    /// cannot be reached. Safe to drop before it is ready.
    pub(super) async fn next(&mut self, from: Seq) -> Observed {
        loop {
            match &mut self.state {
                State::Away(until) => {
                    tokio::time::sleep_until(*until).await;
                    self.state = State::Connecting(tokio::spawn(connect(self.run_dir.clone(), from)));
                }
                State::Connecting(attempt) => match attempt.await {
                    Ok(Ok(connection)) => {
                        self.retry = RETRY.0;
                        self.state = State::Open {
                            connection: Box::new(connection),
                            heard: Instant::now(),
                            through: false,
                        };
                    }
                    Ok(Err(_)) | Err(_) => self.give_up(),
                },
                State::Open {
                    connection,
                    heard,
                    through,
                } => match connection.events.next().await {
                    Some(observed) => {
                        *heard = Instant::now();
                        *through = matches!(&observed, Observed::Event(event) if event.behind == 0);
                        return observed;
                    }
                    None => self.give_up(),
                },
            }
        }
    }

    /// Leaves it alone for a while.
    pub(super) fn give_up(&mut self) {
        self.state = State::Away(Instant::now() + self.retry);
        self.retry = (self.retry * 2).min(RETRY.1);
    }

    /// Whether there is a connection at this moment.
    pub(super) fn is_up(&self) -> bool {
        match &self.state {
            State::Open { connection, .. } => connection.observer.connection().current().up,
            State::Away(_) | State::Connecting(_) => false,
        }
    }

    /// Whether what it says, or does not say, is all that is needed for now.
    pub(super) fn suffices(&self) -> bool {
        match &self.state {
            State::Open { heard, .. } => self.is_up() && heard.elapsed() < SILENCE,
            State::Connecting(_) => self.since.elapsed() < HEAD_START,
            // Not asked yet.
            State::Away(until) => *until <= self.since,
        }
    }

    /// Whether it has sent all that it has, which it does not say where it has nothing from the start.
    pub(super) fn is_through(&self) -> bool {
        match &self.state {
            State::Open { heard, through, .. } => *through || (self.is_up() && heard.elapsed() >= QUIET),
            State::Away(_) | State::Connecting(_) => false,
        }
    }
}

async fn connect(run_dir: PathBuf, from: Seq) -> Result<Connection, BusError> {
    let observer = Observer::connect(&run_dir, CONNECT).await?;
    let events = observer.events(from).await?;
    Ok(Connection { observer, events })
}
