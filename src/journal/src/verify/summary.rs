//! The report's `chain_head`: the hash of the event that ended the run.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;

use serde::Deserialize;

use super::{Findings, Problem, RunEnd};

const SUMMARY: &str = "report/summary.json";

#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    chain_head: Option<String>,
}

/// Compares the report's chain head, if there is a report, with the run's terminal events. `leftover`: the log ends in
/// bytes that look as if a crash had left them.
pub(super) fn check(run_dir: &Path, ends: &[RunEnd], leftover: bool, findings: &mut Findings) {
    let file = match File::open(run_dir.join(SUMMARY)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        Err(error) => return findings.problem(problem(None, format!("the report cannot be read: {error}"))),
    };
    let summary: Summary = match serde_json::from_reader(BufReader::new(file)) {
        Ok(summary) => summary,
        Err(error) => return findings.problem(problem(None, format!("the report is not valid: {error}"))),
    };
    // A report of a run that has not ended has no chain head.
    let Some(stated) = summary.chain_head else { return };
    match ends.iter().rposition(|end| end.hash.to_string() == stated) {
        Some(at) if at + 1 < ends.len() => findings.notes.push(format!(
            "{SUMMARY} tells of the run's end at seq {}; the run went on and ended again",
            ends[at].seq
        )),
        Some(_) => {}
        None => {
            findings.had_ended = leftover;
            let message = match ends.last() {
                Some(end) => format!(
                    "chain_head is {stated}, but the event that ended the run has the hash {}",
                    end.hash
                ),
                None => format!("chain_head is {stated}, but no event ended the run"),
            };
            findings.problem(problem(ends.last(), message));
        }
    }
}

fn problem(end: Option<&RunEnd>, message: String) -> Problem {
    Problem {
        file: SUMMARY.to_owned(),
        line: None,
        seq: end.map(|end| end.seq),
        message,
    }
}
