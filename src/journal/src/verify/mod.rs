//! Checks a whole run: the chain, the epochs, the side files and the report's chain head.

mod artifacts;
mod summary;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use hpcbench_core::Seq;
use serde::Serialize;

use crate::lineage::Aside;
use crate::scan::{Line, Scanner, Step};
use crate::storage::{DirStorage, Storage, epoch_file};
use crate::tail::is_terminal;
use crate::{Damage, Head, HistoryEnd, JournalError, Leftover, LeftoverKind, LineHash};
use artifacts::Artifacts;

/// Most problems that are listed one by one.
pub const MAX_PROBLEMS: usize = 1_000;

/// What `verify` found.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// Whether there is no problem.
    pub ok: bool,
    /// Events in the history.
    pub events: u64,
    /// Epochs that have a part in it.
    pub epochs: usize,
    /// The last event, and its hash: who keeps the hash can tell later that nothing before was changed.
    pub head: Head,
    /// What is not as it was written.
    pub problems: Vec<Problem>,
    /// What is unusual, but in order: fenced tails, abandoned claims, torn ends.
    pub notes: Vec<String>,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, relative to the run directory.
    pub file: String,
    /// The line in it, from 1, where it has lines.
    pub line: Option<u64>,
    /// The event that is or should be there, or that tells what the file has to be.
    pub seq: Option<Seq>,
    /// What is wrong.
    pub message: String,
}

/// Verifies the run in `run_dir`: the log, the side files that it names, and `report/summary.json`.
///
/// # Errors
///
/// Only if the log cannot be read at all; damage is part of the report.
pub fn verify(run_dir: &Path) -> Result<VerifyReport, JournalError> {
    let mut audit = Audit::of_log(Arc::new(DirStorage::new(run_dir)))?;
    audit.artifacts.check(run_dir, &mut audit.findings);
    summary::check(
        run_dir,
        &audit.ends,
        audit.leftover.is_some(),
        &mut audit.findings,
    );
    Ok(audit.report())
}

/// Verifies a log on its own, without the files beside it.
pub fn verify_log(storage: Arc<dyn Storage>) -> Result<VerifyReport, JournalError> {
    Audit::of_log(storage).map(Audit::report)
}

/// A terminal event.
#[derive(Debug, Clone, Copy)]
struct RunEnd {
    seq: Seq,
    hash: LineHash,
}

#[derive(Default)]
struct Findings {
    problems: Vec<Problem>,
    unlisted: usize,
    notes: Vec<String>,
    /// Something proves that the run had ended.
    had_ended: bool,
}

impl Findings {
    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.unlisted += 1;
        }
    }
}

/// What a walk through the log collects.
struct Audit {
    events: u64,
    epochs: usize,
    end: HistoryEnd,
    leftover: Option<Leftover>,
    artifacts: Artifacts,
    ends: Vec<RunEnd>,
    findings: Findings,
}

impl Audit {
    fn of_log(storage: Arc<dyn Storage>) -> Result<Self, JournalError> {
        let mut scanner = Scanner::new(storage, None)?;
        let mut audit = Self {
            events: 0,
            epochs: scanner.epochs(),
            end: scanner.end(),
            leftover: None,
            artifacts: Artifacts::default(),
            ends: Vec::new(),
            findings: Findings::default(),
        };
        loop {
            match scanner.step()? {
                Step::Line(line) => audit.line(&line),
                Step::Bad(damage) => audit.findings.problem(damage.into()),
                Step::Passed => {}
                Step::End => break,
            }
        }
        audit.end = scanner.end();
        audit.leftover = audit.end.leftover;
        audit.findings.notes = scanner.asides().iter().map(Aside::to_string).collect();
        Ok(audit)
    }

    fn line(&mut self, line: &Line<'_>) {
        self.events += 1;
        let kind = &*line.decoded.kind;
        if kind.starts_with("artifact.") {
            self.artifacts.take(line, &mut self.findings);
        } else if is_terminal(kind) {
            self.ends.push(RunEnd {
                seq: line.decoded.seq,
                hash: line.decoded.hash,
            });
        }
    }

    fn report(mut self) -> VerifyReport {
        if let Some(leftover) = self.leftover {
            self.leftover(leftover);
        }
        let Findings {
            problems,
            unlisted,
            mut notes,
            ..
        } = self.findings;
        if self.events == 0 && problems.is_empty() {
            notes.push("the log has no event".to_owned());
        }
        if unlisted > 0 {
            notes.push(format!("{unlisted} more problems are not listed"));
        }
        VerifyReport {
            ok: problems.is_empty(),
            events: self.events,
            epochs: self.epochs,
            head: self.end.head,
            problems,
            notes,
        }
    }

    fn leftover(
        &mut self,
        Leftover {
            kind,
            line,
            seq,
            bytes,
        }: Leftover,
    ) {
        let file = epoch_file(self.end.epoch);
        if self.findings.had_ended {
            let message = format!(
                "the last {bytes} bytes cannot be read, and the run had ended, so no crash left them"
            );
            return self.findings.problem(Problem {
                file,
                line: Some(line),
                seq: Some(seq),
                message,
            });
        }
        let what = match kind {
            LeftoverKind::Torn => "a write that was cut off",
            LeftoverKind::LostBatch => "a batch that a power cut lost before it was acknowledged",
        };
        self.findings.notes.push(format!(
            "{file}, line {line}, seq {seq}: the last {bytes} bytes are {what}"
        ));
    }
}

impl From<Damage> for Problem {
    fn from(damage: Damage) -> Self {
        let Damage {
            epoch,
            line,
            seq,
            fault,
        } = damage;
        Self {
            file: epoch_file(epoch),
            line: Some(line),
            seq: Some(seq),
            message: with_causes(&fault),
        }
    }
}

/// An error's text and those of its causes.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
