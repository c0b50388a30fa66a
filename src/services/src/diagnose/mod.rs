//! Why a server failed, by what it said itself.

mod signs;
#[cfg(test)]
mod tests;
mod trouble;

use std::fmt;

use self::signs::SIGNS;
pub use self::trouble::Trouble;
use crate::service::Service;

/// Longest line of a log that is shown.
const MAX_EVIDENCE_CHARS: usize = 300;

/// Lines at the end of a log that are worth a look: servers of several processes tell the cause long before they end.
pub const DIAGNOSIS_LINES: usize = 1000;

/// What a failure comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The cause.
    pub trouble: Trouble,
    /// What to do about it.
    pub advice: &'static str,
    /// The line of the log that says so, shortened.
    pub evidence: String,
}

impl fmt::Display for Diagnosis {
    /// One line: the cause, the advice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.trouble.what(), self.advice)
    }
}

/// What the last lines of a failed server's logs, [`DIAGNOSIS_LINES`] of each if there are so many, say about its failure; `None`:
/// nothing that is known.
pub fn diagnose(service: &dyn Service, log_tail: &[String]) -> Option<Diagnosis> {
    // A cause that comes first in the table explains those after it: a server without a GPU complains about memory, too.
    SIGNS.iter().find_map(|sign| {
        let line = log_tail.iter().find(|line| sign.is_in(line))?;
        Some(Diagnosis {
            trouble: sign.trouble,
            advice: service.advice(sign.trouble),
            evidence: line.trim().chars().take(MAX_EVIDENCE_CHARS).collect(),
        })
    })
}
