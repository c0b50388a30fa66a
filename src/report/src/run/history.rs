//! The events of a run directory.

use std::path::Path;

use hpcbench_journal::{Entry, JournalError};

use super::{ReportError, Until};

/// The run's events up to there, over all epochs, in constant memory.
///
/// # Errors
///
/// The log cannot be read or is damaged. Damage ends the iteration, and only if it comes before that point.
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
    let entries = hpcbench_journal::read(run_dir).map_err(&error)?;
    let wanted =
        entries.take_while(move |entry| entry.as_ref().map_or(true, |entry| until.includes(&entry.event)));
    Ok(wanted.map(move |entry| entry.map_err(&error)))
}
