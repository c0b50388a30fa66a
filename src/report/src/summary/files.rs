//! The files below `report/`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hpcbench_recipes::recipe::ReportFormat;

use super::Summary;
use crate::run::{ReportError, RunView};

/// Below the run directory.
const REPORT_DIR: &str = "report";

/// Writes the reports that the plan asks for and returns their paths. What was there is replaced, each file at once.
///
/// # Errors
///
/// The run cannot be read, or a file cannot be written.
pub fn write_reports(run_dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    write_some(run_dir, |_| true)
}

/// Writes those of these reports that are not there, and returns their paths.
///
/// # Errors
///
/// As [`write_reports`].
pub fn write_missing_reports(run_dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    write_some(run_dir, |path| !path.exists())
}

fn write_some(run_dir: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, ReportError> {
    let view = RunView::load(run_dir)?;
    let summary = Summary::of(&view);
    let dir = run_dir.join(REPORT_DIR);
    make_private_dir(&dir).map_err(ReportError::file("create", &dir))?;
    let mut written = Vec::new();
    for format in &view.plan.report.formats {
        let (name, text) = match format {
            ReportFormat::Json => ("summary.json", summary.to_json()?),
            ReportFormat::Csv => ("summary.csv", summary.to_csv()),
            // No plan of this build asks for it: the recipe's check refuses it.
            ReportFormat::Html => continue,
        };
        let path = dir.join(name);
        if !wanted(&path) {
            continue;
        }
        write_private(&path, text.as_bytes())?;
        written.push(path);
    }
    Ok(written)
}

fn make_private_dir(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Writes a file that only its owner may read: under a temporary name beside it first, so that nobody ever sees half
/// of it, and what was there before stays until the new one is complete.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    // What a killed writer has left may have other rights.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(ReportError::file("remove", &temporary)(error));
        }
        _ => {}
    }
    let write = || -> io::Result<File> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(file)
    };
    write().map_err(ReportError::file("write", &temporary))?;
    fs::rename(&temporary, path).map_err(ReportError::file("replace", path))
}
