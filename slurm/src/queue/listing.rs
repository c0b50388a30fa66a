//! What squeue prints, as text of fixed width.
//!
//! `--json` depends on how Slurm was built, differs between versions and ignores filters. A field is cut to its width and
//! followed by a bar at a place that is known, so that no value can be mistaken for the next one.

use super::{JobState, QueuedJob};
use crate::ids::JobId;
use crate::time::UnixTime;

/// The fields that are asked for, and how many bytes each gets. Names are valid from Slurm 20.02 on.
const FIELDS: [(&str, usize); 12] = [
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
];

/// What stands behind each field.
const SEPARATOR: u8 = b'|';

/// Most jobs that are read.
const MAX_JOBS: usize = 20_000;

/// The argument of `-O`.
pub(super) fn format() -> String {
    let fields = FIELDS.map(|(name, width)| format!("{name}:{width}{}", char::from(SEPARATOR)));
    fields.join(",")
}

/// The jobs of a listing. Lines of another shape are left out.
pub(super) fn parse(text: &str) -> Vec<QueuedJob> {
    text.lines().filter_map(line).take(MAX_JOBS).collect()
}

fn line(line: &str) -> Option<QueuedJob> {
    let mut rest = line.as_bytes();
    let mut fields = [""; FIELDS.len()];
    for ((_, width), field) in FIELDS.into_iter().zip(&mut fields) {
        let (value, behind) = rest.split_at_checked(width)?;
        *field = std::str::from_utf8(value).ok()?.trim();
        rest = behind.strip_prefix(&[SEPARATOR])?;
    }
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
    ] = fields;
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
