//! The log's files as a source of events.

use std::path::Path;

use hpcbench_core::Seq;
use hpcbench_core::event::Writer;
use hpcbench_journal::{Followed, Follower, JournalError};
use hpcbench_report::WriterLife;

use super::line::FeedLine;
use crate::writer;

/// Failed looks in a row that are put up with: a file system may be away for a moment.
const MAX_FAILURES: u32 = 25;

/// The log's files, read as they grow.
pub(super) struct LogFile {
    follower: Follower,
    /// The last event read.
    head: Seq,
    failures: u32,
    writer: Option<WriterWatch>,
}

/// What is next in the files.
pub(super) enum FromFile {
    Line(Box<FeedLine>),
    /// Events from this one on never happened.
    Discarded {
        from: Seq,
    },
}

impl LogFile {
    /// The log of the run in this directory, from its first event.
    pub(super) fn new(run_dir: &Path) -> Self {
        Self {
            follower: Follower::new(run_dir),
            head: Seq(0),
            failures: 0,
            writer: None,
        }
    }

    /// The last event read.
    pub(super) const fn head(&self) -> Seq {
        self.head
    }

    /// What is new; `None` if nothing is.
    ///
    /// # Errors
    /// The log is damaged, or could not be reached for too long.
    pub(super) fn read(&mut self) -> anyhow::Result<Option<FromFile>> {
        let followed = match self.follower.poll() {
            Err(JournalError::Storage(_)) if self.failures < MAX_FAILURES => {
                self.failures += 1;
                return Ok(None);
            }
            polled => polled?,
        };
        self.failures = 0;
        match followed {
            None => Ok(None),
            Some(Followed::Discarded { from }) => {
                self.head = Seq(from.0.saturating_sub(1));
                Ok(Some(FromFile::Discarded { from }))
            }
            Some(Followed::Event(entry)) => {
                let line = FeedLine::from_file(&entry)?;
                self.head = line.seq();
                if let Some(writer) = line.writer() {
                    self.writer = Some(WriterWatch::new(writer));
                }
                Ok(Some(FromFile::Line(line)))
            }
        }
    }

    /// The latest writer, once it is known to have gone; to be asked when everything has been read.
    pub(super) fn lost_writer(&mut self) -> Option<Writer> {
        let watch = self.writer.as_mut()?;
        watch.look(writer::life(&watch.writer))
    }

    /// The latest writer, if this host cannot tell whether it lives.
    pub(super) fn far_writer(&self) -> Option<Writer> {
        let writer = &self.writer.as_ref()?.writer;
        (writer::life(writer) == WriterLife::Unknown).then(|| writer.clone())
    }
}

/// An epoch's writer, and what is known of its end.
#[derive(Debug)]
struct WriterWatch {
    writer: Writer,
    known: Known,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It may live.
    Nothing,
    /// It had gone at the last look, but may have written before.
    Gone,
    /// It had gone before everything was read, which has been told.
    Told,
}

impl WriterWatch {
    const fn new(writer: Writer) -> Self {
        Self {
            writer,
            known: Known::Nothing,
        }
    }

    /// Takes another look; returns the writer when there is something to tell.
    fn look(&mut self, life: WriterLife) -> Option<Writer> {
        let before = self.known;
        self.known = match (before, life) {
            (_, WriterLife::Alive | WriterLife::Unknown) => Known::Nothing,
            (Known::Nothing, WriterLife::Gone) => Known::Gone,
            (Known::Gone | Known::Told, WriterLife::Gone) => Known::Told,
        };
        (before == Known::Gone && self.known == Known::Told).then(|| self.writer.clone())
    }
}

#[cfg(test)]
mod tests {
    use hpcbench_core::event::Program;

    use super::*;

    #[test]
    fn a_writer_is_missed_once_and_not_before_everything_was_read() {
        let writer = Writer {
            host: "h".to_owned(),
            pid: 1,
            process_start: 1,
            boot: None,
            pid_namespace: None,
            user: "u".to_owned(),
            program: Program {
                version: "1".to_owned(),
                revision: "r".to_owned(),
            },
        };
        let mut watch = WriterWatch::new(writer);
        let mut told = |life| watch.look(life).is_some();
        assert!(!told(WriterLife::Alive));
        assert!(!told(WriterLife::Gone), "its last words may not have been read");
        assert!(told(WriterLife::Gone));
        assert!(!told(WriterLife::Gone));
        assert!(!told(WriterLife::Unknown));
        assert!(!told(WriterLife::Gone));
        assert!(told(WriterLife::Gone));
    }

    #[test]
    fn a_run_that_has_not_begun_has_no_events_and_no_writer() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = LogFile::new(&folder.path().join("nowhere"));
        assert!(file.read().unwrap().is_none());
        assert!(file.lost_writer().is_none());
        assert_eq!(file.head(), Seq(0));
    }
}
