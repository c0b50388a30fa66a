//! What squeue prints.

use super::{JobState, QueuedJob};
use crate::ids::JobId;
use crate::table::Table;
use crate::time::UnixTime;

/// What is asked of each job. The names are valid from Slurm 20.02 on.
pub(super) const TABLE: Table<12> = Table([
    ("JobID", 12),
    ("HetJobID", 12),
    ("HetJobOffset", 6),
    ("State", 24),
    ("Reason", 120),
    ("SubmitTime", 20),
    ("StartTime", 20),
    ("EndTime", 20),
    ("NumNodes", 8),
    ("RestartCnt", 8),
    ("Partition", 128),
    ("Comment", 130),
]);

/// Most jobs that are read.
const MAX_JOBS: usize = 20_000;

/// The jobs of a listing. Lines of another shape are left out.
pub(super) fn parse(text: &str) -> Vec<QueuedJob> {
    text.lines().filter_map(line).take(MAX_JOBS).collect()
}

fn line(line: &str) -> Option<QueuedJob> {
    let [
        id,
        leader,
        offset,
        state,
        reason,
        submitted,
        started,
        ends,
        nodes,
        restarts,
        partition,
        comment,
    ] = TABLE.row(line)?;
    let number: u32 = id.parse().ok()?;
    let job = match (leader.parse::<u32>(), offset.parse::<u32>()) {
        (Ok(leader), Ok(offset)) if leader > 0 => JobId::new(leader).component(offset),
        _ => JobId::new(number),
    };
    Some(QueuedJob {
        job,
        number,
        state: JobState::parse(state),
        reason: said(reason).map(str::to_owned),
        submitted_at: UnixTime::parse(submitted),
        started_at: UnixTime::parse(started),
        ends_at: UnixTime::parse(ends),
        nodes: nodes.parse().ok(),
        restarts: restarts.parse().ok(),
        partition: partition.to_owned(),
        comment: said(comment).unwrap_or_default().to_owned(),
    })
}

/// What a field says, if it says anything.
fn said(field: &str) -> Option<&str> {
    (!matches!(field, "" | "None" | "N/A" | "(null)")).then_some(field)
}
