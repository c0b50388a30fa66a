//! What is sampled, logged and reported.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Duration, Size};

/// What is sampled while a trial runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Monitoring {
    /// Whether the service's own metrics are scraped and agents offer theirs.
    pub prometheus: bool,
    /// Time between two scrapes of the service's metrics.
    pub scrape_interval: Duration,
    /// Time between two samples of CPU, memory and network.
    pub system_interval: Duration,
    /// Whether GPUs are sampled; `auto`: where there are any.
    pub gpu: GpuMonitoring,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self {
            prometheus: true,
            scrape_interval: Duration::from_secs(5),
            system_interval: Duration::from_secs(1),
            gpu: GpuMonitoring::Auto,
        }
    }
}

/// Whether GPUs are sampled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GpuMonitoring {
    /// Where there are any.
    #[default]
    Auto,
    /// Always; a node without GPUs is an error.
    Required,
    /// Never.
    None,
}

/// Which logs are collected, and for how long they stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// The categories that are kept.
    pub categories: Vec<LogCategory>,
    /// How log lines are stored.
    pub format: LogFormat,
    /// How long logs stay.
    pub retention: Duration,
    /// Size at which a log file is rotated.
    pub rotate: Size,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            categories: LogCategory::ALL.to_vec(),
            format: LogFormat::Json,
            retention: Duration::from_secs(7 * 24 * 3600),
            rotate: Size::from_mebibytes(64),
        }
    }
}

/// What a log line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogCategory {
    /// The service.
    Application,
    /// The node and the batch system.
    System,
    /// hpcbench itself.
    Benchmark,
    /// What hpcbench runs for itself, such as nats-server.
    Infrastructure,
}

impl LogCategory {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Application,
        Self::System,
        Self::Benchmark,
        Self::Infrastructure,
    ];

    /// The category's name, as in a recipe and in paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::System => "system",
            Self::Benchmark => "benchmark",
            Self::Infrastructure => "infrastructure",
        }
    }
}

/// How log lines are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
}

/// Which reports are written at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Report {
    /// The formats of the report.
    pub formats: Vec<ReportFormat>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            formats: vec![ReportFormat::Csv, ReportFormat::Json],
        }
    }
}

/// A report's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// A page with charts.
    Html,
    /// One row a trial.
    Csv,
    /// Everything, for programs.
    Json,
}
