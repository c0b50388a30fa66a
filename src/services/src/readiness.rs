//! When a service is ready for requests.

use crate::models::ModelList;

/// How to find out that an instance is ready: the probe succeeds, then the list of models has the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Asked again and again until it succeeds.
    pub probe: Probe,
    /// Asked once after that.
    pub models: Option<ModelList>,
}

/// A GET request whose status tells whether the service is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Path below the endpoint's base path.
    pub path: String,
}

/// What a probe's answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeResult {
    /// The service is ready.
    Ready,
    /// It may become ready: ask again.
    NotYet,
    /// It will not become ready by waiting.
    Hopeless(&'static str),
}

impl Probe {
    /// A probe of a path.
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self { path: path.into() }
    }

    /// What a response with this status means. No response at all means [`ProbeResult::NotYet`].
    pub const fn judge(&self, status: u16) -> ProbeResult {
        match status {
            200..=299 => ProbeResult::Ready,
            401 | 403 => ProbeResult::Hopeless("it refuses the API key, or needs one: see `options.api_key`"),
            _ => ProbeResult::NotYet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_helps_only_sometimes() {
        let probe = Probe::new("/health");
        assert_eq!(probe.judge(200), ProbeResult::Ready);
        for status in [404, 500, 502, 503] {
            assert_eq!(probe.judge(status), ProbeResult::NotYet);
        }
        assert!(matches!(probe.judge(401), ProbeResult::Hopeless(_)));
    }
}
