//! Waiting for a submitted run to end.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use hpcbench_report::{RunState, RunView, results_table};

use crate::commands::standing::{self, JobStanding};
use crate::{exit, terminal, writer};

/// How often the run directory is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Waits until nothing goes on with the run any more; says what the job waits for and does meanwhile.
///
/// # Errors
/// The log is damaged, or cannot be read.
pub(super) fn until_the_end(run_dir: &Path) -> anyhow::Result<ExitCode> {
    let mut said = String::new();
    loop {
        let view = RunView::load(run_dir)?;
        if let Some(outcome) = &view.state.outcome {
            terminal::print(&results_table(&view, terminal::style_of_stdout()))?;
            return Ok(ExitCode::from(outcome.exit_code()));
        }
        let job = standing::of(run_dir, &view);
        let state = RunState::of(&view, writer::life_seen_in(&view, run_dir));
        let words = match &job {
            Some(job) => format!("{}: {}", state.as_str(), job.in_words()),
            None => state.as_str().to_owned(),
        };
        if words != said {
            terminal::say(&words);
            said = words;
        }
        // It may have ended the run between the two looks.
        if job.is_some_and(|job| matches!(job, JobStanding::Gone { .. }))
            && RunView::load(run_dir)?.state.outcome.is_none()
        {
            terminal::say("the job has ended before the run: `hpcbench resume --submit` goes on with it");
            return Ok(ExitCode::from(exit::INTERRUPTED));
        }
        std::thread::sleep(LOOK);
    }
}
