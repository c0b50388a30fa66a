//! Progress on a terminal: what is waited for, trials done, and the load of the running one.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::progress::RunProgress;

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(200);
/// A load's bar counts tenths of seconds.
const STEPS_PER_SECOND: f64 = 10.0;

const DOING: &str = "{spinner} {elapsed_precise}  {wide_msg}";
const TRIALS: &str = "  trials   [{bar:16}] {pos}/{len}";
const LOAD: &str = "  trial {prefix} [{bar:16}] {wide_msg}";

/// The bars.
#[derive(Debug)]
pub(super) struct Bars {
    all: MultiProgress,
    doing: ProgressBar,
    trials: ProgressBar,
    load: Option<ProgressBar>,
}

impl Bars {
    pub(super) fn new(progress: &RunProgress) -> Self {
        let all = MultiProgress::new();
        let doing = all.add(ProgressBar::new_spinner().with_style(style(DOING)));
        let trials = all.add(ProgressBar::new(progress.trials as u64).with_style(style(TRIALS)));
        doing.enable_steady_tick(TICK);
        Self {
            all,
            doing,
            trials,
            load: None,
        }
    }

    pub(super) fn show(&mut self, progress: &RunProgress) {
        self.doing.set_message(progress.doing());
        self.trials.set_position(progress.done as u64);
        let Some(running) = &progress.running else {
            if let Some(load) = self.load.take() {
                load.finish_and_clear();
                self.all.remove(&load);
            }
            return;
        };
        let load = self
            .load
            .get_or_insert_with(|| self.all.add(ProgressBar::new(0).with_style(style(LOAD))));
        load.set_prefix(format!("{:<2}", running.number));
        match running.load() {
            Some(now) => {
                let steps = |seconds: f64| (seconds * STEPS_PER_SECOND) as u64;
                // Where a number of requests ends the load, how long it takes is not known: the bar stays empty.
                load.set_length(now.planned.map_or(u64::MAX, steps));
                load.set_position(steps(now.elapsed));
                load.set_message(now.in_words());
            }
            None => load.set_message("getting ready"),
        }
    }

    /// Does something that prints, above the bars.
    pub(super) fn above(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    pub(super) fn clear(&self) {
        for bar in [&self.doing, &self.trials].into_iter().chain(&self.load) {
            bar.finish_and_clear();
        }
        // What cannot be drawn any more needs not be cleared.
        let _ = self.all.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are the constants above, which a test checks.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_sound() {
        for template in [DOING, TRIALS, LOAD] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
