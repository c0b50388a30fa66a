//! Progress where there is no terminal: a line for each noteworthy event, and one now and then while a trial runs.

use std::time::{Duration, Instant};

use super::progress::RunProgress;

/// Least time between two lines on how a load stands.
const PAUSE: Duration = Duration::from_secs(10);

/// When the last line on a load was printed.
#[derive(Debug)]
pub(super) struct Pace {
    last: Option<(usize, Instant)>,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self { last: None }
    }

    /// The line on the running trial's load, if it is time for one.
    pub(super) fn line(&mut self, progress: &RunProgress, now: Instant) -> Option<String> {
        let running = progress.running.as_ref()?;
        let load = running.load()?;
        match self.last {
            // The first line of a trial comes after a pause too: before, there is little to tell.
            Some((number, at)) if number == running.number => {
                if now.saturating_duration_since(at) < PAUSE {
                    return None;
                }
                self.last = Some((number, now));
                Some(format!(
                    "trial {}/{}: {}",
                    running.number,
                    progress.trials,
                    load.in_words()
                ))
            }
            _ => {
                self.last = Some((running.number, now));
                None
            }
        }
    }
}
