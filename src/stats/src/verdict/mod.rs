//! Whether a trial's numbers may be believed.

mod checks;
mod facts;
mod format;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub(crate) use facts::Facts;

/// The verdict on a trial, with the reason for each doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The worst of all checks.
    pub status: VerdictStatus,
    /// What the checks found, the worst first; empty when the trial is valid.
    pub reasons: Vec<String>,
}

/// How far the numbers may be believed, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictStatus {
    /// Every check passed.
    Valid,
    /// Something may have moved the numbers.
    Suspect,
    /// The numbers are those of the client, not of the service.
    ClientBound,
    /// The numbers say nothing about the service.
    Invalid,
}

impl VerdictStatus {
    /// The name used in summaries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::ClientBound => "client-bound",
            Self::Invalid => "invalid",
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq)]
struct Finding {
    status: VerdictStatus,
    reason: String,
}

impl Finding {
    fn new(status: VerdictStatus, reason: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.into(),
        }
    }
}

impl Verdict {
    /// The verdict on a trial that gave no numbers.
    pub fn invalid(reason: impl Into<String>) -> Self {
        Self {
            status: VerdictStatus::Invalid,
            reasons: vec![reason.into()],
        }
    }

    /// Runs every check.
    pub(crate) fn of(facts: &Facts) -> Self {
        Self::by(checks::all(), facts)
    }

    /// Runs the checks that ask whether the client measured the service or itself, and no others.
    pub(crate) fn of_the_client(facts: &Facts) -> Self {
        Self::by(checks::OF_THE_CLIENT, facts)
    }

    /// Runs every check but those of failed requests: under more load than a service can carry requests fail, and that is an
    /// answer of the service's and no fault of the trial.
    pub(crate) fn of_a_searched_level(facts: &Facts) -> Self {
        Self::by(checks::of_a_searched_level(), facts)
    }

    fn by(checks: impl IntoIterator<Item = &'static checks::Check>, facts: &Facts) -> Self {
        let findings = checks.into_iter().filter_map(|check| check(facts));
        let mut findings: Vec<Finding> = findings.collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.status));
        let status = findings
            .first()
            .map_or(VerdictStatus::Valid, |finding| finding.status);
        Self {
            status,
            reasons: findings.into_iter().map(|finding| finding.reason).collect(),
        }
    }
}
