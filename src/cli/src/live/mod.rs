//! What whoever waits for a run is shown meanwhile, on standard error.
//!
//! On a thread of its own: a terminal that is slow or stopped must not hold up the run.

mod bars;
mod lines;
mod progress;
mod screen;

use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::Context;
use hpcbench_actors::orchestrator::LiveUpdate;
use hpcbench_core::Timestamp;
use hpcbench_core::event::{Body, Event};
use hpcbench_recipes::Plan;
use hpcbench_report::live::EventLines;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use bars::Bars;
use lines::Pace;
use progress::RunProgress;

pub(crate) use screen::Screen;

/// The live view of a run.
pub(crate) struct Live {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Live {
    /// Shows the updates as they come.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(
        screen: Screen,
        plan: &Plan,
        mut updates: UnboundedReceiver<LiveUpdate>,
    ) -> anyhow::Result<Self> {
        let mut view = View::new(screen, plan);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .context("failed to start the live view")?;
        let (stop, mut stopped) = oneshot::channel();
        let show = move || {
            runtime.block_on(async {
                loop {
                    let update = tokio::select! {
                        biased;
                        update = updates.recv() => update,
                        _ = &mut stopped => None,
                    };
                    let Some(update) = update else { break };
                    view.show(&update);
                }
            });
            view.end();
        };
        let thread = std::thread::Builder::new()
            .name("live".to_owned())
            .spawn(show)
            .context("failed to start the live view")?;
        Ok(Self { stop, thread })
    }

    /// Shows what is left and ends.
    pub(crate) fn finish(self) {
        let _ = self.stop.send(());
        // Had it panicked, the panic would have been logged; the run's results do not depend on it.
        let _ = self.thread.join();
    }
}

/// What is shown, and how.
struct View {
    screen: Screen,
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
    fn new(screen: Screen, plan: &Plan) -> Self {
        let progress = RunProgress::of(plan);
        let style = match &screen {
            Screen::Terminal(all) => Style::Bars(Bars::new(all.clone(), &progress)),
            Screen::Lines => Style::Lines(Pace::new()),
        };
        Self {
            screen,
            lines: EventLines::of(plan),
            progress,
            began: None,
            style,
        }
    }

    fn show(&mut self, update: &LiveUpdate) {
        self.progress.update(update);
        if let LiveUpdate::Event(event) = update {
            self.event(event);
        }
        match &mut self.style {
            Style::Bars(bars) => bars.show(&self.progress),
            Style::Lines(pace) => {
                if let Some(line) = pace.line(&self.progress, Instant::now()) {
                    self.screen.say(&format!("{:>8}  {line}", ""));
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
            let seconds = event.at.seconds_since(began);
            self.screen.say(&format!("{seconds:>6.1} s  {line}"));
        }
    }

    fn end(&self) {
        if let Style::Bars(bars) = &self.style {
            bars.clear();
        }
    }
}
