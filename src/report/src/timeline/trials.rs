//! Rows on trials: one for each attempt.

use hpcbench_core::event::{Body, Event};
use hpcbench_core::{Attempt, TrialId};
use hpcbench_stats::VerdictStatus;

use super::{Story, Timeline};
use crate::live::outcome;
use crate::words::{Colour, seconds};

impl Timeline {
    pub(super) fn take_trial(&mut self, event: &Event) {
        match &event.body {
            Body::TrialStarted(e) => {
                self.load_since = None;
                let text = format!("{}: being prepared", self.attempt(&e.trial, e.attempt));
                self.begin(Story::Attempt(e.trial.clone()), event, text);
            }
            Body::TrialPrepared(e) => self.go_on(Story::Attempt(e.trial.clone()), event, None),
            Body::LoadStarted(e) => {
                self.load_since = Some(self.now);
                let text = format!("{}: under load", self.attempt(&e.trial, e.attempt));
                self.go_on(Story::Attempt(e.trial.clone()), event, Some(text));
            }
            Body::TrialStopRequested(e) => {
                let text = format!("{}: {}", self.attempt(&e.trial, e.attempt), e.cause.reason());
                self.go_on(Story::Attempt(e.trial.clone()), event, Some(text));
            }
            Body::ShareReported(e) => self.go_on(Story::Attempt(e.trial.clone()), event, None),
            Body::ServiceObserved(e) => self.go_on(Story::Attempt(e.trial.clone()), event, None),
            Body::TrialCompleted(e) => {
                let load = self.load_time();
                let text = format!(
                    "{}: {}{load}",
                    self.attempt(&e.trial, e.attempt),
                    outcome(&e.summary)
                );
                let colour = match e.summary.verdict.status {
                    VerdictStatus::Valid => Colour::Good,
                    VerdictStatus::Suspect | VerdictStatus::ClientBound => Colour::Doubtful,
                    VerdictStatus::Invalid => Colour::Bad,
                };
                self.end(&Story::Attempt(e.trial.clone()), event, text)
                    .paint(colour);
            }
            Body::TrialFailed(e) => {
                let text = format!("{}: {}", self.attempt(&e.trial, e.attempt), e.reason);
                let row = self.end(&Story::Attempt(e.trial.clone()), event, text);
                row.paint(Colour::Bad);
                row.add_log(&e.log_tail);
            }
            Body::TrialInterrupted(e) => {
                let text = format!("{}: {}", self.attempt(&e.trial, e.attempt), e.reason);
                self.end(&Story::Attempt(e.trial.clone()), event, text)
                    .paint(Colour::Doubtful);
            }
            _ => {}
        }
    }

    fn attempt(&self, trial: &TrialId, attempt: Attempt) -> String {
        format!("{}, attempt {attempt}", self.trials.place_and_parameters(trial))
    }

    /// How long the load was on.
    fn load_time(&self) -> String {
        let since = self
            .load_since
            .map(|since| seconds((self.now - since) as f64 / 1e6));
        since.map_or_else(String::new, |load| format!(", load {load}"))
    }
}
