//! Every event once and in order, from two sources that may be behind each other: what comes from the bus is known to
//! be durable; what comes from the file may not be yet.

use std::collections::VecDeque;

use hpcbench_core::{Seq, Timestamp};
use hpcbench_journal::LineHash;

use super::line::FeedLine;

/// An event from the file that nothing confirms is shown after this time, in seconds. Its writer syncs it within
/// milliseconds, but a later event, whose line would say so, may be minutes away.
const SETTLED_SECONDS: f64 = 1.0;

/// What has been shown of a history, and what is about to be.
///
/// Each line that is shown is the successor of the one shown before, by number and by hash, or the first one.
#[derive(Debug)]
pub(super) struct Sequence {
    /// The first event that is wanted.
    first: Seq,
    /// The next event to be shown.
    next: Seq,
    /// The line shown last.
    head: Option<LineHash>,
    /// Lines from the file that may not be durable, gapless from `next`.
    waiting: VecDeque<Waiting>,
    /// Everything up to here is durable.
    durable: Seq,
}

#[derive(Debug)]
struct Waiting {
    line: Box<FeedLine>,
    /// When it was seen.
    since: Timestamp,
}

/// What a line from the bus is.
#[derive(Debug)]
pub(super) enum FromBus {
    /// The next one.
    Next(Box<FeedLine>),
    /// One that was shown already.
    Known,
    /// One after a gap: the file has what is missing.
    Ahead,
    /// One of another history than what was shown, or than what the file has: only the file can tell.
    Parted,
}

impl Sequence {
    /// Of the events from `first` on.
    pub(super) fn new(first: Seq) -> Self {
        let first = Seq(first.0.max(1));
        Self {
            first,
            next: first,
            head: None,
            waiting: VecDeque::new(),
            durable: Seq(0),
        }
    }

    /// The next event to be shown.
    pub(super) const fn next(&self) -> Seq {
        self.next
    }

    /// Whether lines wait to be confirmed.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes a line from the bus.
    pub(super) fn take_from_bus(&mut self, line: Box<FeedLine>) -> FromBus {
        let seq = line.seq();
        if seq < self.next {
            return FromBus::Known;
        }
        if seq > self.next {
            self.confirm(seq);
            return FromBus::Ahead;
        }
        let file_differs = self
            .waiting
            .front()
            .is_some_and(|front| front.line.hash != line.hash);
        if file_differs || self.head.is_some_and(|head| head != line.prev) {
            return FromBus::Parted;
        }
        self.confirm(seq);
        self.waiting.pop_front();
        self.advance(&line);
        FromBus::Next(line)
    }

    /// Takes the next line of the file.
    pub(super) fn take_from_file(&mut self, line: Box<FeedLine>, now: Timestamp) {
        self.confirm(line.durable);
        let due = self
            .waiting
            .back()
            .map_or(self.next, |last| last.line.seq().next());
        if line.seq() == due {
            self.waiting.push_back(Waiting { line, since: now });
        }
    }

    /// Events up to `seq` are durable.
    pub(super) fn confirm(&mut self, seq: Seq) {
        self.durable = self.durable.max(seq);
    }

    /// The next line from the file that can be shown.
    pub(super) fn ready(&mut self, now: Timestamp) -> Option<Box<FeedLine>> {
        let durable = self.durable;
        let Waiting { line, .. } = self
            .waiting
            .pop_front_if(|front| front.line.seq() <= durable || front.has_settled(now))?;
        self.advance(&line);
        Some(line)
    }

    /// Events of the file from `from` on never happened. Returns the first of them that was shown, if any was.
    pub(super) fn discard(&mut self, from: Seq) -> Option<Seq> {
        self.waiting.retain(|waiting| waiting.line.seq() < from);
        self.durable = self.durable.min(Seq(from.0.saturating_sub(1)));
        let from = from.max(self.first);
        (from < self.next).then(|| {
            self.next = from;
            self.head = None;
            from
        })
    }

    fn advance(&mut self, line: &FeedLine) {
        self.next = line.seq().next();
        self.head = Some(line.hash);
    }
}

impl Waiting {
    /// Whether it is old, by its writer's clock or by the time that it has been waiting: clocks of two hosts may differ.
    fn has_settled(&self, now: Timestamp) -> bool {
        now.seconds_since(self.line.event.at.min(self.since)) >= SETTLED_SECONDS
    }
}

#[cfg(test)]
mod tests;
