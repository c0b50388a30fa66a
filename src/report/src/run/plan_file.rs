//! `plan.json` of a run directory.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use hpcbench_recipes::Plan;

use super::ReportError;

/// The name of the plan's file in a run directory.
const PLAN_FILE: &str = "plan.json";
/// Longest plan that is read: far more than the largest sweep makes.
const MAX_PLAN_BYTES: u64 = 256 << 20;

/// Where a run directory keeps its plan.
pub(super) fn plan_path(run_dir: &Path) -> PathBuf {
    run_dir.join(PLAN_FILE)
}

/// The plan of the run in `run_dir`, whose hash has been checked.
pub fn read_plan(run_dir: &Path) -> Result<Plan, ReportError> {
    let path = plan_path(run_dir);
    let file = File::open(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => ReportError::NotARun(run_dir.to_owned()),
        _ => ReportError::file("open", &path)(error),
    })?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_PLAN_BYTES + 1).read_to_end(&mut bytes);
    let read = read.map_err(ReportError::file("read", &path))?;
    let problem = if read as u64 > MAX_PLAN_BYTES {
        format!("it has more than {MAX_PLAN_BYTES} bytes")
    } else {
        match Plan::read(&bytes) {
            Ok(plan) => return Ok(plan),
            Err(error) => error.to_string(),
        }
    };
    Err(ReportError::BadPlan { path, problem })
}
