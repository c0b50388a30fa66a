//! Putting the clients' shares of an attempt together.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hpcbench_core::event::ArtifactRecorded;
use hpcbench_core::{InstanceId, NodeId, TrialId};
use hpcbench_recipes::Plan;
use hpcbench_recipes::plan::SearchPoint;
use hpcbench_stats::{ServiceReport, TrialAggregate, TrialSummary};

use crate::expectations::expectations;
use crate::log_collector::{CollectedLine, TAIL_BYTES, log_tail};
use crate::shell::digest_file;

/// Largest aggregate of a client: a few histograms.
const MAX_AGGREGATE_BYTES: u64 = 64 << 20;
/// Lines of the service's log that a failed trial shows.
const TAIL_LINES: usize = 20;

/// Why a trial cannot be measured.
#[derive(Debug, thiserror::Error)]
pub(super) enum MeasureError {
    /// No client could hand in anything.
    #[error("no client handed in a measurement")]
    NoShare,
    /// The trial is not in the plan.
    #[error("the plan has no trial {0}")]
    UnknownTrial(TrialId),
    /// A share cannot be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// A share is not what the client reported.
    #[error("{} is not the file that the client reported: its digest differs", .0.display())]
    Changed(PathBuf),
    /// A share is larger than any that a client makes.
    #[error("{} has {bytes} bytes, more than the {MAX_AGGREGATE_BYTES} that are read of a client's aggregate", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
}

/// What an attempt's summary is made of.
pub(super) struct HandedIn {
    /// Where the trial is one of a search: its level and repetition.
    pub(super) point: Option<SearchPoint>,
    /// The clients' aggregates.
    pub(super) aggregates: Vec<ArtifactRecorded>,
    /// The services' own accounts, one a node.
    pub(super) services: Vec<ServiceReport>,
    /// The nodes that the run goes on without.
    pub(super) without: Vec<NodeId>,
    /// The endpoints as records number them.
    pub(super) endpoints: Vec<(InstanceId, String)>,
    /// How far apart the clients may have begun, where that is known.
    pub(super) start_error: Option<Duration>,
}

/// The summary of an attempt, from the aggregates of its clients and what the service says itself.
pub(super) fn summarize(
    plan: &Plan,
    run_dir: &Path,
    trial: &TrialId,
    handed_in: &HandedIn,
) -> Result<TrialSummary, MeasureError> {
    let planned = plan.trial(trial, handed_in.point);
    let planned = planned.ok_or_else(|| MeasureError::UnknownTrial(trial.clone()))?;
    if handed_in.aggregates.is_empty() {
        return Err(MeasureError::NoShare);
    }
    let expectations = expectations(plan, &planned);
    let mut all = TrialAggregate::empty(&expectations);
    for share in &handed_in.aggregates {
        all.merge(&read(run_dir, share)?);
    }
    for service in &handed_in.services {
        all.add_service(service);
    }
    for node in &handed_in.without {
        all.add_lost_node(node.as_str());
    }
    let mut summary = all.summarize(&expectations);
    summary.start_error_seconds = handed_in.start_error.map(|error| error.as_secs_f64());
    for endpoint in &mut summary.endpoints {
        if let Some((instance, url)) = handed_in.endpoints.get(usize::from(endpoint.endpoint)) {
            endpoint.instance = Some(instance.to_string());
            endpoint.url = Some(url.clone());
        }
    }
    Ok(summary)
}

fn read(run_dir: &Path, share: &ArtifactRecorded) -> Result<TrialAggregate, MeasureError> {
    let path = run_dir.join(&share.path);
    let failed = |cause| MeasureError::Read {
        path: path.clone(),
        cause,
    };
    let bytes = fs::metadata(&path).map_err(failed)?.len();
    if bytes > MAX_AGGREGATE_BYTES {
        return Err(MeasureError::TooLarge { path, bytes });
    }
    if digest_file(&path).map_err(failed)?.sha256 != share.sha256 {
        return Err(MeasureError::Changed(path));
    }
    let text = fs::read(&path).map_err(failed)?;
    serde_json::from_slice(&text).map_err(|error| failed(error.into()))
}

/// The last lines of the services' collected logs.
pub(super) fn application_tail(run_dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(run_dir.join("logs").join("application"));
    let mut paths: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    let message = |line: String| match serde_json::from_str::<CollectedLine>(&line) {
        Ok(collected) => format!("{}: {}", collected.component, collected.message),
        Err(_) => line,
    };
    let mut lines: Vec<String> = paths
        .iter()
        .flat_map(|path| log_tail(path, TAIL_LINES, TAIL_BYTES))
        .map(message)
        .collect();
    lines.split_off(lines.len().saturating_sub(TAIL_LINES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_is_not_what_was_reported_is_told_from_one_that_is_too_large() {
        let run_dir = tempfile::tempdir().unwrap();
        let share = ArtifactRecorded {
            path: "share.json".into(),
            sha256: "0".repeat(64),
            bytes: 2,
        };
        let path = run_dir.path().join(&share.path);
        fs::write(&path, "{}").unwrap();
        let error = read(run_dir.path(), &share).unwrap_err();
        assert!(matches!(error, MeasureError::Changed(_)), "{error}");
        // A file with a hole: it takes no space.
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(MAX_AGGREGATE_BYTES + 1).unwrap();
        let error = read(run_dir.path(), &share).unwrap_err();
        assert!(matches!(error, MeasureError::TooLarge { .. }), "{error}");
    }
}
