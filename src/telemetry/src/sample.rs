//! One value at one moment.

use serde::{Deserialize, Serialize};

/// One value at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When, by the node's monotonic clock, nanoseconds.
    pub at_ns: i64,
    /// What was sampled.
    pub source: Source,
    /// Which of them: an interface, a GPU's index, a service instance; empty where there is but one.
    pub instance: String,
    /// What was measured; units are part of the name.
    pub metric: String,
    /// Labels of a service's own metric; empty without any.
    pub labels: String,
    /// The value: never NaN, for what is not known has no sample.
    pub value: f64,
}

/// What was sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// The node.
    Host,
    /// The program that samples.
    Process,
    /// A GPU.
    Gpu,
    /// A service instance, by its own account.
    Service,
}

impl Source {
    /// The name used in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Process => "process",
            Self::Gpu => "gpu",
            Self::Service => "service",
        }
    }
}

impl Sample {
    /// A sample without labels; `None` where there is no value.
    pub fn new(
        at_ns: i64,
        source: Source,
        instance: impl Into<String>,
        metric: impl Into<String>,
        value: f64,
    ) -> Option<Self> {
        (!value.is_nan()).then(|| Self {
            at_ns,
            source,
            instance: instance.into(),
            metric: metric.into(),
            labels: String::new(),
            value,
        })
    }
}
