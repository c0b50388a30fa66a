//! The events of a run directory.

use std::path::Path;

use hpcbench_journal::{Entry, JournalError};

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
    let mut entries = hpcbench_journal::read(run_dir).map_err(&error)?;
    // Nothing is read beyond the last event that is wanted: it may be damaged.
    let mut is_over = until.is_empty();
    let wanted = std::iter::from_fn(move || {
        let entry = (!is_over).then(|| entries.next()).flatten()?;
        is_over = entry.as_ref().map_or(true, |entry| until.ends_with(&entry.event));
        let is_wanted = entry.as_ref().map_or(true, |entry| until.includes(&entry.event));
        is_wanted.then(|| entry.map_err(&error))
    });
    Ahead::of(wanted).map_err(ReportError::NoThread)
}
