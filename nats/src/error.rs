//! What can go wrong on the bus.

use std::error::Error;
use std::time::Duration;

use hpcbench_core::Seq;

use crate::limits::MAX_PAYLOAD;

/// A failure of the bus. None of them loses history: the event log is the truth.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// No connection came about.
    #[error("no connection to nats-server at {url} as {user} within {waited:?}")]
    Connect {
        /// Where.
        url: String,
        /// As whom.
        user: String,
        /// How long it was tried.
        waited: Duration,
        /// The last attempt's failure.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The connection is down, or broke meanwhile; the handle keeps trying to restore it.
    #[error("no connection to nats-server now: {what} may not have arrived")]
    Disconnected {
        /// What was to be sent.
        what: String,
    },
    /// nats-server's permissions do not allow it.
    #[error("nats-server refused {what}: {server_said}")]
    Refused {
        /// What was sent.
        what: String,
        /// Its words.
        server_said: String,
    },
    /// No answer in time.
    #[error("no answer to {what} within {after:?}")]
    TimedOut {
        /// What was sent.
        what: String,
        /// The time limit.
        after: Duration,
    },
    /// The answer says something else than answers do.
    #[error("the answer to {what} cannot be read")]
    Answer {
        /// What was sent.
        what: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Nobody listens on the subject: the agent is not connected, or the stream does not exist.
    #[error("nobody listens on {subject}")]
    NoResponder {
        /// The subject.
        subject: String,
    },
    /// The payload exceeds [`MAX_PAYLOAD`](crate::limits::MAX_PAYLOAD).
    #[error(
        "{what} has {size} bytes, more than the {} allowed",
        crate::limits::MAX_PAYLOAD
    )]
    TooLarge {
        /// What was to be sent.
        what: String,
        /// Its size in bytes.
        size: usize,
    },
    /// The EVENTS stream does not end where the publisher thinks: catch up.
    #[error("the EVENTS stream does not end just before event {seq}: it must catch up with the log")]
    OutOfStep {
        /// The event that could not be published.
        seq: Seq,
    },
    /// The log could not be read while the stream was caught up with it.
    #[error("the event log could not be read from event {from} on")]
    Log {
        /// The first event asked for.
        from: Seq,
        /// The reader's failure.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// JetStream refused or failed.
    #[error("JetStream failed to {what}")]
    JetStream {
        /// What was asked of it.
        what: String,
        /// Its answer.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// What was given is not the URL of a NATS server. The text is not repeated: it may hold a password.
    #[error("not the URL of a NATS server: {problem}")]
    Url {
        /// What is wrong with it.
        problem: String,
    },
    /// The id of a report does not fit into a header.
    #[error("the id of report {counter} cannot be sent")]
    ReportId {
        /// The report's number.
        counter: u64,
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// `bus.json` could not be used.
    #[error(transparent)]
    Rendezvous(#[from] crate::RendezvousError),
}

impl BusError {
    /// Refuses what nats-server would refuse.
    pub(crate) fn check_size(what: &str, payload: &[u8]) -> Result<(), Self> {
        if payload.len() > MAX_PAYLOAD {
            return Err(Self::TooLarge {
                what: what.to_owned(),
                size: payload.len(),
            });
        }
        Ok(())
    }
}
