//! A run's events from wherever they can be had: live from the bus, and from the file where there is none.
//!
//! The bus is asked first. The file is read while the bus is away, where the bus lacks events, and where it has been
//! silent for a while, so that a bus that is up but does not work delays events and loses none. What ends a run is
//! believed when the file has nothing after it: a run that has ended may have been taken up again.

use std::path::Path;
use std::time::Duration;

use hpcbench_actors::shell::now;
use hpcbench_core::Seq;
use hpcbench_core::event::Writer;
use hpcbench_nats::Observed;
use tokio::time::Instant;

use super::bus::Bus;
use super::file::{FromFile, LogFile};
use super::line::FeedLine;
use super::sequence::{FromBus, Sequence};

/// How often the file is looked at where there is no bus.
const POLL: Duration = Duration::from_millis(200);
/// How often it is looked at beside a silent bus.
const POLL_BESIDE_BUS: Duration = Duration::from_secs(2);
/// Without a bus, a log that does not grow for so long is told of where nothing tells whether its writer lives.
const SILENCE: Duration = Duration::from_secs(30);
/// How long the file may lag behind an end that the bus told: other nodes' writes appear late on some file systems.
const LAG: Duration = Duration::from_secs(5);

/// What happens next to whoever watches.
#[derive(Debug)]
pub(crate) enum Step {
    /// The next event.
    Event(Box<FeedLine>),
    /// Events that were shown, from this one on, never happened: a new writer went on without them.
    Discarded {
        /// The first of them.
        from: Seq,
    },
    /// All that had happened has been shown, up to this event; told once, unless the run has ended.
    CaughtUp(Seq),
    /// There is no event yet; told once.
    NotBegun,
    /// The process that wrote the log has gone without ending the run; told once for each writer.
    WriterGone(Writer),
    /// Nothing has been heard for a while of a process on another host; told once after each event.
    Silent(Writer),
    /// The run has ended with this exit code, and nothing follows.
    Ended(u8),
    /// Nothing at this moment: what was shown is to be flushed. The next step may take long.
    Pause,
}

/// A run's events, each once and in order.
pub(crate) struct Feed {
    sequence: Sequence,
    bus: Bus,
    file: LogFile,
    next_look: Instant,
    /// The last event known, whether it is to be shown or not.
    last: Seq,
    /// Since when.
    last_since: Instant,
    /// The event after which silence was told.
    silent_after: Seq,
    /// The run's exit code, if that event ended it.
    end: Option<u8>,
    /// The bus lacks events up to here.
    gap: Seq,
    caught_up: bool,
    not_begun_told: bool,
    /// Something was told since the last pause.
    is_dirty: bool,
}

/// What a look into the file brought.
enum Look {
    Step(Step),
    /// Something that may be shown now.
    More,
    Nothing,
}

impl Feed {
    /// The events of the run in this directory from `from` on. To be made and used within a tokio runtime.
    pub(crate) fn new(run_dir: &Path, from: Seq) -> Self {
        Self {
            sequence: Sequence::new(from),
            bus: Bus::new(run_dir),
            file: LogFile::new(run_dir),
            next_look: Instant::now(),
            last: Seq(0),
            last_since: Instant::now(),
            silent_after: Seq(0),
            end: None,
            gap: Seq(0),
            caught_up: false,
            not_begun_told: false,
            is_dirty: false,
        }
    }

    /// What happens next. Safe to drop before it is ready.
    ///
    /// # Errors
    /// The log is damaged, or cannot be read.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Step> {
        let step = self.find().await?;
        self.is_dirty = !matches!(step, Step::Pause);
        Ok(step)
    }

    async fn find(&mut self) -> anyhow::Result<Step> {
        loop {
            if let Some(line) = self.sequence.ready(now()) {
                return Ok(Step::Event(line));
            }
            let heard = tokio::select! {
                biased;
                observed = self.bus.next(self.sequence.next()), if !self.has_gap() => Some(observed),
                () = std::future::ready(()) => None,
            };
            if let Some(observed) = heard {
                match self.hear(observed) {
                    Some(line) => return Ok(Step::Event(line)),
                    None => continue,
                }
            }
            match self.look()? {
                Look::Step(step) => return Ok(step),
                Look::More => continue,
                Look::Nothing => {}
            }
            if let Some(step) = self.at_rest() {
                return Ok(step);
            }
            tokio::select! {
                observed = self.bus.next(self.sequence.next()), if !self.has_gap() => {
                    if let Some(line) = self.hear(observed) {
                        return Ok(Step::Event(line));
                    }
                }
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Looks into the file, if it is time to.
    fn look(&mut self) -> anyhow::Result<Look> {
        if !self.is_file_due() {
            return Ok(Look::Nothing);
        }
        let step = if let Some(found) = self.file.read()? {
            let Some(step) = self.take(found) else {
                return Ok(Look::More);
            };
            Some(step)
        } else {
            self.next_look = Instant::now() + self.pause();
            self.at_end_of_file()
        };
        Ok(step.map_or(Look::Nothing, Look::Step))
    }

    /// Takes what the bus says; returns the event that is to be shown, if it is one.
    fn hear(&mut self, observed: Observed) -> Option<Box<FeedLine>> {
        let observed = match observed {
            Observed::Missing { to, .. } => {
                self.miss(to);
                return None;
            }
            Observed::Event(observed) => observed,
        };
        let Ok(line) = FeedLine::from_bus(observed.event.line) else {
            self.bus.give_up();
            return None;
        };
        let (seq, end) = (line.seq(), line.exit_code());
        let next = match self.sequence.take_from_bus(line) {
            FromBus::Next(line) => Some(line),
            FromBus::Known => None,
            FromBus::Ahead => {
                self.miss(seq);
                None
            }
            FromBus::Parted => {
                self.bus.give_up();
                return None;
            }
        };
        self.note(seq, end);
        next
    }

    /// The file has to provide the events up to here.
    fn miss(&mut self, to: Seq) {
        self.sequence.confirm(to);
        self.gap = to;
        self.next_look = Instant::now();
    }

    fn has_gap(&self) -> bool {
        self.gap >= self.sequence.next()
    }

    /// Takes what the file says.
    fn take(&mut self, found: FromFile) -> Option<Step> {
        match found {
            FromFile::Line(line) => {
                self.note(line.seq(), line.exit_code());
                self.sequence.take_from_file(line, now());
                None
            }
            FromFile::Discarded { from } => {
                if self.last >= from {
                    self.last = self.file.head();
                    self.end = None;
                }
                let from = self.sequence.discard(from)?;
                Some(Step::Discarded { from })
            }
        }
    }

    /// Notes the last event, and whether it ended the run.
    fn note(&mut self, seq: Seq, exit_code: Option<u8>) {
        if seq <= self.last {
            return;
        }
        self.last = seq;
        self.last_since = Instant::now();
        self.end = exit_code;
        if self.end.is_some() {
            self.next_look = self.last_since;
        }
    }

    fn is_file_due(&self) -> bool {
        let is_needed = self.has_gap() || self.end.is_some() || !self.bus.suffices();
        is_needed && Instant::now() >= self.next_look
    }

    fn pause(&self) -> Duration {
        let is_beside_bus = self.bus.is_up() && !self.has_gap() && self.end.is_none();
        if is_beside_bus { POLL_BESIDE_BUS } else { POLL }
    }

    /// What there is to tell when the file has been read to its end.
    fn at_end_of_file(&mut self) -> Option<Step> {
        if self.sequence.is_waiting() {
            return None;
        }
        if let Some(exit_code) = self.end {
            let has_all = self.file.head() >= self.last || self.last_since.elapsed() >= LAG;
            return has_all.then_some(Step::Ended(exit_code));
        }
        if self.bus.is_up() {
            return None;
        }
        if self.last == Seq(0) {
            let is_news = !std::mem::replace(&mut self.not_begun_told, true);
            return is_news.then_some(Step::NotBegun);
        }
        if !std::mem::replace(&mut self.caught_up, true) {
            return Some(Step::CaughtUp(self.last));
        }
        if let Some(writer) = self.file.lost_writer() {
            return Some(Step::WriterGone(writer));
        }
        if self.last == self.silent_after || self.last_since.elapsed() < SILENCE {
            return None;
        }
        self.silent_after = self.last;
        self.file.far_writer().map(Step::Silent)
    }

    /// What there is to tell when nothing happens.
    fn at_rest(&mut self) -> Option<Step> {
        if self.bus.is_through() && self.end.is_none() && !std::mem::replace(&mut self.caught_up, true) {
            return Some(Step::CaughtUp(self.last));
        }
        self.is_dirty.then_some(Step::Pause)
    }
}

#[cfg(test)]
mod tests;
