//! What is shown of a run, and how: bars on a terminal, lines elsewhere.

use std::time::Instant;

use hpcbench_actors::orchestrator::LiveUpdate;
use hpcbench_core::Timestamp;
use hpcbench_core::event::{Body, Event};
use hpcbench_recipes::Plan;
use hpcbench_report::live::EventLines;

use super::bars::Bars;
use super::lines::Pace;
use super::progress::RunProgress;
use crate::feed::stamped;
use crate::terminal;

/// The live view, as long as it is shown.
pub(super) struct View {
    lines: EventLines,
    progress: RunProgress,
    began: Option<Timestamp>,
    style: Style,
}

enum Style {
    Bars(Bars),
    Lines(Pace),
}

impl View {
    /// A view of a run that has not begun, or goes on after so many settled trials.
    pub(super) fn new(plan: &Plan, settled: usize) -> Self {
        let progress = RunProgress::of(plan, settled);
        let style = if terminal::can_draw_on_stderr() {
            Style::Bars(Bars::new(&progress))
        } else {
            Style::Lines(Pace::new())
        };
        Self {
            lines: EventLines::of(plan),
            progress,
            began: None,
            style,
        }
    }

    /// Shows what the run tells.
    pub(super) fn show(&mut self, update: &LiveUpdate) {
        self.progress.update(update);
        if let LiveUpdate::Event(event) = update {
            self.lines.learn(event);
            self.event(event);
        }
        match &mut self.style {
            Style::Bars(bars) => bars.show(&self.progress),
            Style::Lines(pace) => {
                if let Some(line) = pace.line(&self.progress, Instant::now()) {
                    terminal::say(&format!("{:>8}  {line}", ""));
                }
            }
        }
    }

    fn event(&mut self, event: &Event) {
        let began = *self.began.get_or_insert(event.at);
        // The bars name the phase all the time.
        if matches!(
            (&self.style, &event.body),
            (Style::Bars(_), Body::PhaseEntered(_))
        ) {
            return;
        }
        if let Some(line) = self.lines.describe(event) {
            self.say(&stamped(began, event.at, &line));
        }
    }

    /// Says something that stays.
    pub(super) fn say(&self, text: &str) {
        match &self.style {
            Style::Bars(bars) => bars.above(|| terminal::say(text)),
            Style::Lines(_) => terminal::say(text),
        }
    }

    /// Removes what does not stay.
    pub(super) fn end(&self) {
        if let Style::Bars(bars) = &self.style {
            bars.clear();
        }
    }
}
