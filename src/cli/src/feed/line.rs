//! A line of the log, wherever it came from.

use std::sync::Arc;

use hpcbench_core::Seq;
use hpcbench_core::event::{EpochStarted, RawEvent, Writer};
use hpcbench_journal::{Entry, LineHash};
use hpcbench_nats::Bytes;
use serde::Deserialize;

/// A line of the log, wherever it came from.
#[derive(Debug, Clone)]
pub(crate) struct FeedLine {
    /// The event.
    pub(crate) event: RawEvent,
    /// The line's bytes, without its newline.
    pub(crate) bytes: Bytes,
    /// The hash of these bytes.
    pub(super) hash: LineHash,
    /// The hash of the line before.
    pub(super) prev: LineHash,
    /// The last event known to be synced when the line was written.
    pub(super) durable: Seq,
}

/// Bytes that are no line of a log.
#[derive(Debug, thiserror::Error)]
#[error("not a line of an event log")]
pub(super) struct NoLine(#[from] serde_json::Error);

/// What a line says of its place in the history.
#[derive(Deserialize)]
struct Links {
    prev: LineHash,
    durable: Seq,
}

/// What the events that end a run say.
#[derive(Deserialize)]
struct End {
    exit_code: u8,
}

impl FeedLine {
    /// A line as the bus delivers it.
    pub(super) fn from_bus(bytes: Bytes) -> Result<Box<Self>, NoLine> {
        let Links { prev, durable } = serde_json::from_slice(&bytes)?;
        Ok(Box::new(Self {
            event: serde_json::from_slice(&bytes)?,
            hash: LineHash::of(&bytes),
            bytes,
            prev,
            durable,
        }))
    }

    /// A line as it was read from its file.
    pub(super) fn from_file(entry: &Entry) -> Result<Box<Self>, NoLine> {
        let Links { prev, durable } = serde_json::from_slice(&entry.line)?;
        Ok(Box::new(Self {
            event: entry.event.clone(),
            bytes: Bytes::from_owner(Arc::clone(&entry.line)),
            hash: entry.hash,
            prev,
            durable,
        }))
    }

    /// Its place in the history.
    pub(crate) const fn seq(&self) -> Seq {
        self.event.seq
    }

    /// The run's exit code, if this event ended the run.
    pub(super) fn exit_code(&self) -> Option<u8> {
        const FAILED: u8 = 1;
        matches!(
            self.event.kind.as_str(),
            "run.completed" | "run.failed" | "run.cancelled"
        )
        .then(|| serde_json::from_str(self.event.data.get()).map_or(FAILED, |End { exit_code }| exit_code))
    }

    /// The epoch's writer, if this event began an epoch.
    pub(super) fn writer(&self) -> Option<Writer> {
        let started = || serde_json::from_str::<EpochStarted>(self.event.data.get()).ok();
        (self.event.kind == "epoch.started")
            .then(started)?
            .map(|started| started.writer)
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A history in the making.
    pub(in crate::feed) struct History {
        next: Seq,
        head: LineHash,
    }

    impl History {
        pub(in crate::feed) const fn new() -> Self {
            Self {
                next: Seq(1),
                head: LineHash::EMPTY,
            }
        }

        /// The next line; everything before it is known to be synced.
        pub(in crate::feed) fn line(&mut self, kind: &str, data: &str) -> Box<FeedLine> {
            self.behind(kind, data, self.next.0 - 1)
        }

        /// The next line, when only events up to `durable` are known to be synced.
        pub(in crate::feed) fn behind(&mut self, kind: &str, data: &str, durable: u64) -> Box<FeedLine> {
            let (seq, prev) = (self.next, self.head);
            let text = format!(
                r#"{{"seq":{seq},"prev":"{prev}","at":"2026-01-02T03:04:05.000000Z","type":"{kind}","v":1,"actor":"orchestrator","node":"n","correlation":"run","causation":null,"durable":{durable},"data":{data},"sum":"0"}}"#
            );
            let line = FeedLine::from_bus(text.into()).unwrap();
            (self.next, self.head) = (seq.next(), line.hash);
            line
        }

        /// The same history so far, to be continued in another way.
        pub(in crate::feed) const fn fork(&self) -> Self {
            Self {
                next: self.next,
                head: self.head,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::History;
    use super::*;

    #[test]
    fn the_end_of_a_run_has_its_exit_code() {
        let mut history = History::new();
        assert_eq!(
            history.line("run.completed", r#"{"exit_code":0}"#).exit_code(),
            Some(0)
        );
        assert_eq!(
            history
                .line("run.failed", r#"{"exit_code":3,"reason":"r"}"#)
                .exit_code(),
            Some(3)
        );
        assert_eq!(history.line("run.cancelled", "{}").exit_code(), Some(1));
        assert_eq!(
            history.line("trial.completed", r#"{"exit_code":0}"#).exit_code(),
            None
        );
    }

    #[test]
    fn the_beginning_of_an_epoch_names_its_writer() {
        let data = r#"{"epoch":1,"base":{"epoch":0,"seq":0,"hash":"","bytes":0},
            "writer":{"host":"h","pid":7,"process_start":9,"user":"u","program":{"version":"1","revision":"r"}}}"#
            .replace('\n', "");
        let mut history = History::new();
        let writer = history.line("epoch.started", &data).writer().unwrap();
        assert_eq!((writer.host.as_str(), writer.pid), ("h", 7));
        assert_eq!(history.line("epoch.started", "{}").writer(), None);
        assert_eq!(history.line("run.created", &data).writer(), None);
    }

    #[test]
    fn other_bytes_are_no_line() {
        for bytes in ["", "{}", "null", r#"{"seq":1,"prev":"x","durable":0}"#] {
            assert!(
                FeedLine::from_bus(Bytes::from_static(bytes.as_bytes())).is_err(),
                "{bytes}"
            );
        }
    }
}
