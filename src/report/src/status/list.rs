//! All runs of a directory.

use std::path::{Path, PathBuf};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use hpcbench_core::{RunId, Timestamp};
use serde::Serialize;

use super::{JobView, RunState, Status, TrialCounts, WriterLife};
use crate::run::{ReportError, RunView};
use crate::words::{date, one_line, seconds};

/// A run among others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListEntry {
    /// Its id; `null` before it was created, or if it cannot be read.
    pub run: Option<RunId>,
    /// The recipe's name.
    pub name: Option<String>,
    /// How it stands; `null` if it cannot be read.
    pub state: Option<RunState>,
    /// When its first event happened.
    pub started: Option<Timestamp>,
    /// Seconds from its first event to its last; to now, if it goes on.
    pub duration_seconds: Option<f64>,
    /// The batch system's id of its job; `null` for a run without one.
    pub job: Option<String>,
    /// How many trials stand how.
    pub trials: Option<TrialCounts>,
    /// Its directory.
    pub directory: PathBuf,
    /// Why it cannot be read.
    pub problem: Option<String>,
}

impl ListEntry {
    /// The run in `directory`; `now` ends the time that an active run has taken.
    pub fn of(
        directory: &Path,
        view: &RunView,
        writer: WriterLife,
        job: Option<JobView>,
        now: Timestamp,
    ) -> Self {
        let status = Status::of(view, writer, job);
        let end = if status.state.is_active() {
            Some(now)
        } else {
            view.state.at
        };
        Self {
            run: status.run,
            name: Some(view.plan.name.clone()),
            state: Some(status.state),
            started: view.started,
            duration_seconds: view.started.zip(end).map(|(start, end)| end.seconds_since(start)),
            job: status.job,
            trials: Some(status.trials),
            directory: directory.to_owned(),
            problem: None,
        }
    }

    /// A run that cannot be read.
    pub fn unreadable(directory: &Path, error: &ReportError) -> Self {
        let mut problem = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            problem = format!("{problem}: {error}");
            cause = error.source();
        }
        Self {
            run: None,
            name: None,
            state: None,
            started: None,
            duration_seconds: None,
            job: None,
            trials: None,
            directory: directory.to_owned(),
            problem: Some(problem),
        }
    }
}

/// The runs as a table, in the order given. The ids are what other commands take; a run whose directory has another
/// name than its id is followed by it.
pub fn list_table(entries: &[ListEntry]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["RUN", "STATE", "STARTED", "TOOK", "TRIALS", "DIRECTORY"]);
    for entry in entries {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let trials = entry
            .trials
            .map(|trials| format!("{}/{}", trials.settled(), trials.total));
        table.add_row([
            Cell::new(entry.run.as_ref().map_or("-", |run| run.as_str())),
            Cell::new(entry.state.map_or("unreadable", RunState::as_str)),
            Cell::new(entry.started.map_or_else(|| "-".to_owned(), date)),
            right(entry.duration_seconds.map_or_else(|| "-".to_owned(), seconds)),
            right(trials.unwrap_or_else(|| "-".to_owned())),
            Cell::new(one_line(&entry.directory.display().to_string())),
        ]);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { 2 }, 0));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for entry in entries {
        if let Some(problem) = &entry.problem {
            text.push_str(&one_line(problem));
            text.push('\n');
        }
    }
    text
}
