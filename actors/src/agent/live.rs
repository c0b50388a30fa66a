//! Log lines that a node tells live. They may be lost, but not unnoticed: the next one says how many were.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::log_collector::CollectedLine;

/// A log line as it is told live.
#[derive(Debug, Clone, Serialize)]
pub struct LiveLine {
    /// The line.
    #[serde(flatten)]
    pub line: CollectedLine,
    /// How many lines of this node were lost since the one before.
    pub missed: u64,
}

/// Where live lines are handed in.
#[derive(Debug)]
pub struct LiveLines {
    sender: mpsc::Sender<LiveLine>,
    /// How many were lost since the last one that was taken.
    missed: AtomicU64,
}

impl LiveLines {
    /// Hands lines to the other end of `sender`.
    pub fn new(sender: mpsc::Sender<LiveLine>) -> Self {
        let missed = AtomicU64::new(0);
        Self { sender, missed }
    }

    /// Offers a line to whoever watches; if nobody keeps up, it is lost.
    pub fn offer(&self, line: &CollectedLine) {
        let missed = self.missed.swap(0, Ordering::Relaxed);
        let line = line.clone();
        if let Err(TrySendError::Full(_)) = self.sender.try_send(LiveLine { line, missed }) {
            self.missed.fetch_add(missed + 1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use hpcbench_core::{LogCategory, Timestamp};

    use super::*;

    #[test]
    fn lost_lines_are_counted_in_the_next_one() {
        let (sender, mut receiver) = mpsc::channel(2);
        let lines = LiveLines::new(sender);
        let mut line = CollectedLine {
            at: Timestamp::from_micros(0),
            category: LogCategory::System,
            node: "client".parse().unwrap(),
            component: "c".to_owned(),
            stream: "log".to_owned(),
            correlation: "run".to_owned(),
            message: String::new(),
        };
        let mut seen = Vec::new();
        for number in 0..9 {
            line.message = number.to_string();
            lines.offer(&line);
            if number == 5 {
                while let Ok(live) = receiver.try_recv() {
                    seen.push((live.line.message, live.missed));
                }
            }
        }
        while let Ok(live) = receiver.try_recv() {
            seen.push((live.line.message, live.missed));
        }
        let expected = [("0", 0), ("1", 0), ("6", 4), ("7", 0)];
        assert_eq!(
            seen,
            expected.map(|(message, missed)| (message.to_owned(), missed))
        );
    }
}
