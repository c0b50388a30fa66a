//! What whoever waits for a run is shown meanwhile, on standard error.
//!
//! On a thread of its own, the only one that prints while a run is shown: a terminal that is slow or stopped must not
//! hold up the run.

mod bars;
mod lines;
mod progress;
mod screen;
mod view;

use std::thread::JoinHandle;

use anyhow::Context;
use hpcbench_actors::orchestrator::LiveUpdate;
use hpcbench_recipes::Plan;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;

use view::View;

pub(crate) use screen::Screen;

/// Updates that may wait for a terminal that is slow or stopped. What comes then is not shown; the log has it.
const MAX_WAITING: usize = 16_384;

/// The live view of a run.
pub(crate) struct Live {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Live {
    /// Shows updates and texts as they come; so many trials of the plan are settled already.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(plan: &Plan, settled: usize) -> anyhow::Result<(Self, Sender<LiveUpdate>, Screen)> {
        let (updates, coming_updates) = mpsc::channel(MAX_WAITING);
        let (texts, coming_texts) = mpsc::channel(screen::MAX_WAITING);
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .context("failed to start the live view")?;
        let mut view = View::new(plan, settled);
        let thread = std::thread::Builder::new()
            .name("live".to_owned())
            .spawn(move || {
                runtime.block_on(show(&mut view, coming_updates, coming_texts, stopped));
                view.end();
            })
            .context("failed to start the live view")?;
        Ok((Self { stop, thread }, updates, Screen(texts)))
    }

    /// Shows what is left and ends.
    pub(crate) fn finish(self) {
        let _ = self.stop.send(());
        // Had it panicked, that would have been logged; the run's results do not depend on it.
        let _ = self.thread.join();
    }
}

async fn show(
    view: &mut View,
    mut updates: Receiver<LiveUpdate>,
    mut texts: Receiver<String>,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            biased;
            Some(update) = updates.recv() => view.show(&update),
            Some(text) = texts.recv() => view.say(&text),
            // Last: what has been told before the end is shown.
            _ = &mut stopped => return,
        }
    }
}
