//! From what a user calls a run to its directory.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hpcbench_core::event::Body;
use hpcbench_core::{RunId, upcast};

use super::ReportError;
use super::plan_file::plan_path;

/// Most entries of a directory of runs that are looked at.
pub const MAX_RUNS: usize = 100_000;
/// The run's creation is among its first events.
const EVENTS_BEFORE_CREATION: usize = 4;

/// The run directories in `runs_dir`, sorted by name; none if there is no such directory.
pub fn run_dirs(runs_dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let entries = match fs::read_dir(runs_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ReportError::file("list", runs_dir)(error)),
    };
    let mut found = Vec::new();
    for (count, entry) in entries.enumerate() {
        if count == MAX_RUNS {
            let (runs_dir, limit) = (runs_dir.to_owned(), MAX_RUNS);
            return Err(ReportError::TooManyRuns { runs_dir, limit });
        }
        let path = entry.map_err(ReportError::file("list", runs_dir))?.path();
        if is_run(&path) {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The directory of the run that the user calls `run`: a run directory, a run's id, or the beginning of an id that no
/// other run in `runs_dir` shares. A run is found by the name of its directory too, which is its id unless the user
/// chose another.
pub fn find_run(runs_dir: &Path, run: &str) -> Result<PathBuf, ReportError> {
    let path = Path::new(run);
    if is_run(path) {
        return Ok(path.to_owned());
    }
    // A path that leads to something else is no id either.
    if run.contains('/') {
        return Err(ReportError::NotARun(path.to_owned()));
    }
    let dirs = run_dirs(runs_dir)?.into_iter();
    let mut candidates: Vec<(Vec<String>, PathBuf)> = dirs
        .map(|dir| (names(&dir), dir))
        .filter(|(names, _)| !run.is_empty() && names.iter().any(|name| name.starts_with(run)))
        .collect();
    let is_exact = |(names, _): &(Vec<String>, PathBuf)| names.iter().any(|name| name == run);
    if candidates.iter().any(is_exact) {
        candidates.retain(is_exact);
    }
    let mut dirs = candidates.into_iter().map(|(_, dir)| dir);
    match (dirs.next(), dirs.len()) {
        (Some(dir), 0) => Ok(dir),
        (None, _) => Err(ReportError::NoSuchRun {
            run: run.to_owned(),
            runs_dir: runs_dir.to_owned(),
        }),
        (Some(first), more) => Err(ReportError::Ambiguous {
            run: run.to_owned(),
            first,
            more,
        }),
    }
}

fn is_run(path: &Path) -> bool {
    plan_path(path).is_file()
}

/// What a run can be called: its id, if it has been created, and the name of its directory.
fn names(run_dir: &Path) -> Vec<String> {
    let directory = run_dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let id = run_id(run_dir).map(|id| id.to_string());
    id.into_iter().chain(directory).collect()
}

/// The run's id, as its log says; none before the run has been created. A log that cannot be read is told of when the
/// run is opened, not when it is looked for.
pub fn run_id(run_dir: &Path) -> Option<RunId> {
    let entries = hpcbench_journal::read(run_dir).ok()?;
    let first = entries.take(EVENTS_BEFORE_CREATION).map_while(Result::ok);
    first
        .map(|entry| upcast(entry.event))
        .find_map(|event| match event.body {
            Body::RunCreated(created) => Some(created.run),
            _ => None,
        })
}
