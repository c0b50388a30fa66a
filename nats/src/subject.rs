//! The subjects of a run's bus, typed.
//!
//! Every subject starts with `hpcbench.<run>`. [`Subject`] shows and parses each of them; [`filter`] has the
//! patterns that subscribers use.

use std::fmt;
use std::str::FromStr;

use hpcbench_core::{Actor, LogCategory, NodeId, RunId};

use crate::limits::MAX_EVENT_TYPE_LENGTH;

/// First token of every subject.
const ROOT: &str = "hpcbench";

/// A text that is no subject of this bus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a subject of a run's bus")]
pub struct InvalidSubject(pub String);

/// A text that is no event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an event type: words of a-z, 0-9 and _, joined by dots, at most {MAX_EVENT_TYPE_LENGTH} bytes"
)]
pub struct InvalidEventType(pub String);

/// The actors that have subjects.
const ACTORS: [Actor; 4] = [
    Actor::Orchestrator,
    Actor::Supervisor,
    Actor::ClientPool,
    Actor::LogCollector,
];

fn actor(text: &str) -> Option<Actor> {
    ACTORS.into_iter().find(|actor| actor.as_str() == text)
}

fn log_category(text: &str) -> Option<LogCategory> {
    LogCategory::ALL
        .into_iter()
        .find(|category| category.as_str() == text)
}

/// An event's type as a subject's tail, such as `trial.started`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(String);

impl EventType {
    /// The type's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EventType {
    type Err = InvalidEventType;
    fn from_str(text: &str) -> Result<Self, InvalidEventType> {
        let word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        };
        if text.len() <= MAX_EVENT_TYPE_LENGTH && text.split('.').all(word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidEventType(text.to_owned()))
        }
    }
}

/// One subject of a run's bus.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The run it belongs to.
    pub run: RunId,
    /// What it carries.
    pub topic: Topic,
}

/// What a subject carries.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// An event, after it is synced.
    Event(EventType),
    /// A command from the orchestrator to an actor.
    Command(NodeId, Actor),
    /// A report from an actor to the orchestrator.
    Report(NodeId, Actor),
    /// The orchestrator's receipts for a node's reports.
    Receipt(NodeId),
    /// A request to cancel the run.
    Cancel,
    /// A question whether the orchestrator is there.
    Ping,
    /// A sign of life of a node's agent.
    Heartbeat(NodeId),
    /// A live log line.
    Log(LogCategory, NodeId),
    /// An interval's histograms and gauges.
    Metric(NodeId),
}

impl Topic {
    /// The subject of this topic in `run`.
    pub fn of(self, run: &RunId) -> Subject {
        Subject {
            run: run.clone(),
            topic: self,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ROOT}.{}.", self.run)?;
        match &self.topic {
            Topic::Event(kind) => write!(f, "event.{kind}"),
            Topic::Command(node, actor) => write!(f, "command.{node}.{actor}"),
            Topic::Report(node, actor) => write!(f, "report.{node}.{actor}"),
            Topic::Receipt(node) => write!(f, "receipt.{node}"),
            Topic::Cancel => f.write_str("control.cancel"),
            Topic::Ping => f.write_str("control.ping"),
            Topic::Heartbeat(node) => write!(f, "heartbeat.{node}"),
            Topic::Log(category, node) => write!(f, "log.{}.{node}", category.as_str()),
            Topic::Metric(node) => write!(f, "metric.{node}"),
        }
    }
}

impl FromStr for Subject {
    type Err = InvalidSubject;
    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        parse(text).ok_or_else(|| InvalidSubject(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Subject> {
    let (run, topic) = text.strip_prefix(ROOT)?.strip_prefix('.')?.split_once('.')?;
    let (kind, rest) = topic.split_once('.')?;
    let topic = match kind {
        "event" => Topic::Event(rest.parse().ok()?),
        "command" => {
            let (node, name) = rest.split_once('.')?;
            Topic::Command(node.parse().ok()?, actor(name)?)
        }
        "report" => {
            let (node, name) = rest.split_once('.')?;
            Topic::Report(node.parse().ok()?, actor(name)?)
        }
        "receipt" => Topic::Receipt(rest.parse().ok()?),
        "control" if rest == "cancel" => Topic::Cancel,
        "control" if rest == "ping" => Topic::Ping,
        "heartbeat" => Topic::Heartbeat(rest.parse().ok()?),
        "log" => {
            let (category, node) = rest.split_once('.')?;
            Topic::Log(log_category(category)?, node.parse().ok()?)
        }
        "metric" => Topic::Metric(rest.parse().ok()?),
        _ => return None,
    };
    Some(Subject {
        run: run.parse().ok()?,
        topic,
    })
}

/// Patterns that match many subjects of a run.
pub mod filter {
    use hpcbench_core::{NodeId, RunId};

    use super::ROOT;

    /// All events.
    pub fn events(run: &RunId) -> String {
        format!("{ROOT}.{run}.event.>")
    }

    /// The commands to one node's actors.
    pub fn commands(run: &RunId, node: &NodeId) -> String {
        format!("{ROOT}.{run}.command.{node}.*")
    }

    /// All reports.
    pub fn reports(run: &RunId) -> String {
        format!("{ROOT}.{run}.report.>")
    }

    /// All heartbeats.
    pub fn heartbeats(run: &RunId) -> String {
        format!("{ROOT}.{run}.heartbeat.*")
    }

    /// All live log lines.
    pub fn logs(run: &RunId) -> String {
        format!("{ROOT}.{run}.log.>")
    }

    /// All metrics.
    pub fn metrics(run: &RunId) -> String {
        format!("{ROOT}.{run}.metric.*")
    }
}

#[cfg(test)]
mod tests;
