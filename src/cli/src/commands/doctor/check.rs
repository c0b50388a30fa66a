//! What one check found.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Whether what a check looked at is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// Nothing needs to be done.
    Ok,
    /// Runs work, but worse than they could, or not all of them.
    Warning,
    /// Runs cannot work.
    Missing,
}

/// What one check found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Check {
    pub(super) name: Cow<'static, str>,
    pub(super) status: Status,
    pub(super) found: String,
    /// None where nothing needs to be done.
    pub(super) advice: Option<String>,
}

impl Check {
    /// Nothing needs to be done.
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            status: Status::Ok,
            found: found.into(),
            advice: None,
        }
    }

    /// Runs work, but worse than they could.
    pub(super) fn warning(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            status: Status::Warning,
            advice: Some(advice.into()),
            ..Self::ok(name, found)
        }
    }

    /// Runs cannot work.
    pub(super) fn missing(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            status: Status::Missing,
            ..Self::warning(name, found, advice)
        }
    }
}

impl Status {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Missing => "missing",
        }
    }
}

/// Whether a run can work.
pub(super) fn ready(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.status != Status::Missing)
}
