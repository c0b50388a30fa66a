//! Rows on the run as a whole.

use hpcbench_core::event::{Body, EpochStarted, Event};

use super::audit::{cancel_words, resumed_words};
use super::{Row, Shape, Story, Timeline};
use crate::words::{Colour, date};

impl Timeline {
    pub(super) fn take_run(&mut self, event: &Event) {
        match &event.body {
            Body::RunCreated(e) => {
                self.single(event, format!("run {}", e.run));
            }
            Body::EpochStarted(e) => self.begin_epoch(event, e),
            Body::RunResumed(e) => {
                self.single(event, resumed_words(e));
            }
            Body::PhaseEntered(e) => {
                self.end_phase();
                let mut row = self.row(Some(&Story::Phase), event, e.phase.as_str());
                row.shape = Shape::Phase;
                self.open.insert(Story::Phase, row);
            }
            Body::FileSystemProbed(_) | Body::TrialPlanned(_) | Body::SearchEnded(_) => {
                let words = self.trials.tell(event);
                self.single(event, words);
            }
            Body::ArtifactRecorded(e) => {
                self.files.count += 1;
                self.files.bytes = self.files.bytes.saturating_add(e.bytes);
            }
            Body::RunCompleted(e) => {
                let words = self.trials.success(e);
                let colour = if e.exit_code == 0 {
                    Colour::Good
                } else {
                    Colour::Doubtful
                };
                self.end_run(event, e.exit_code, words).paint(colour);
            }
            Body::RunFailed(e) => self.end_run(event, e.exit_code, &e.reason).paint(Colour::Bad),
            Body::RunPaused(_) => {
                self.end_phase();
                let words = self.trials.tell(event);
                self.single(event, words).paint(Colour::Doubtful);
            }
            Body::RunCancelled(e) => self
                .end_run(event, e.exit_code, &e.reason)
                .paint(Colour::Doubtful),
            _ => {
                self.single(event, "");
            }
        }
    }

    pub(super) fn take_bus(&mut self, event: &Event) {
        match &event.body {
            Body::BusRequested(_) => self.begin(Story::Bus, event, "nats-server"),
            Body::BusStarted(e) => {
                let text = format!("nats-server {} at {}, process {}", e.version, e.url, e.pid);
                self.end(&Story::Bus, event, text);
            }
            Body::BusExited(e) => {
                self.end(&Story::Bus, event, format!("nats-server: {}", e.reason))
                    .paint(Colour::Bad);
            }
            _ => {}
        }
    }

    /// Jobs, cancels, refusals, checks, and what this version does not know.
    pub(super) fn take_remark(&mut self, event: &Event) {
        match &event.body {
            Body::CancelRequested(e) => {
                self.trouble(event, cancel_words(e));
            }
            Body::JobRequested(_) | Body::JobStarted(_) => {
                let words = self.trials.tell(event);
                self.single(event, words);
            }
            Body::JobEnding(_) | Body::NodeGivenUp(_) | Body::NodeSuspended(_) | Body::RunSuspended(_) => {
                let words = self.trials.tell(event);
                self.single(event, words).paint(Colour::Doubtful);
            }
            Body::CommandRejected(e) => {
                self.trouble(event, format!("{}: {}", e.command, e.reason));
            }
            Body::StateRebuilt(e) => {
                self.trouble(
                    event,
                    format!("rebuilt from the log, in {}: {}", e.during, e.reason),
                );
            }
            Body::StateVerified(e) if e.equal => {
                self.single(
                    event,
                    format!("the live state is that of the log after event {}", e.through),
                );
            }
            Body::StateVerified(e) => {
                self.trouble(
                    event,
                    format!("the live state differs from the log's after event {}", e.through),
                );
            }
            Body::Unreadable(e) => {
                let why = if e.problem.is_empty() {
                    "this type is not known here"
                } else {
                    &e.problem
                };
                self.single(event, why).paint(Colour::Doubtful);
            }
            _ => {}
        }
    }

    /// What the former writer had begun is never completed.
    fn begin_epoch(&mut self, event: &Event, started: &EpochStarted) {
        for (story, mut row) in std::mem::take(&mut self.open) {
            row.is_cut = true;
            if story == Story::Phase {
                row.to = self.before;
            } else {
                row.text.push_str(", cut off with its epoch");
                row.paint(Colour::Doubtful);
            }
            self.rows.push(row);
        }
        self.load_since = None;
        // A run that has ended may be taken up again.
        self.ended = false;
        let writer = &started.writer;
        let (who, program) = (&writer.user, &writer.program);
        let text = format!(
            "epoch {}, {}: process {} of {who} on {}, hpcbench {} ({})",
            started.epoch,
            date(event.at),
            writer.pid,
            writer.host,
            program.version,
            program.revision,
        );
        self.rows.push(Row::new(Shape::Epoch, event, self.now, &text));
    }

    /// A phase takes until the next one begins or the run ends.
    fn end_phase(&mut self) {
        if let Some(mut phase) = self.open.remove(&Story::Phase) {
            phase.to = self.now;
            self.rows.push(phase);
        }
    }

    fn end_run(&mut self, event: &Event, exit_code: u8, words: &str) -> &mut Row {
        self.end_phase();
        self.ended = true;
        self.single(event, format!("exit code {exit_code}: {words}"))
    }
}
