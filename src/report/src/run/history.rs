//! The events of a run directory.

use std::path::Path;

use hpcbench_journal::{CheckedLine, Entry, JournalError};

use super::ahead::Ahead;
use super::{ReportError, Until};

/// The run's events up to there, over all epochs, in constant memory.
///
/// # Errors
///
/// The log cannot be read or is damaged. Damage ends the iteration, and only if it comes before that point; where the point
/// is a time, so does damage to the very next event, which may have happened before it.
pub fn history(
    run_dir: &Path,
    until: Until,
) -> Result<impl Iterator<Item = Result<Entry, ReportError>>, ReportError> {
    let error = {
        let run_dir = run_dir.to_owned();
        move |source: JournalError| ReportError::Log {
            run_dir: run_dir.clone(),
            source,
        }
    };
    let mut lines = hpcbench_journal::read(run_dir).map_err(&error)?.into_lines();
    // Nothing is read beyond the last event that is wanted: it may be damaged.
    let mut is_over = until.is_empty();
    let wanted = std::iter::from_fn(move || {
        let line = (!is_over).then(|| lines.next()).flatten()?;
        let place = line.as_ref().map(|line| (line.seq, line.at));
        is_over = place.as_ref().map_or(true, |&(seq, at)| until.ends_with(seq, at));
        let is_wanted = place.map_or(true, |(seq, at)| until.includes(seq, at));
        is_wanted.then(|| line.map_err(&error))
    });
    // The line stands for what is made of it, which is about as large.
    let bytes = |line: &Result<CheckedLine, _>| line.as_ref().map_or(0, |line| 2 * line.line.len());
    let ahead = Ahead::of(wanted, bytes).map_err(ReportError::NoThread)?;
    Ok(ahead.map(|line| line.map(Entry::from)))
}
