//! Events about the file systems that a run's files are on.

use serde::{Deserialize, Serialize};

/// Data of `filesystem.probed`: what the file system under a directory does, as tried at the start of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileSystemProbed {
    /// The directory, below the run directory; `.` for the run directory itself.
    pub path: String,
    /// Name of the file system's type, such as `ext4`; a hexadecimal number for a type that is not known.
    pub kind: String,
    /// Median time that one small append and its sync took, in seconds.
    pub sync_p50_seconds: f64,
    /// 99th percentile of these times, in seconds.
    pub sync_p99_seconds: f64,
    /// How many appends were timed.
    pub samples: u32,
    /// Whether a rename over an existing file put the new content in its place.
    pub rename: bool,
    /// Whether a file that exists could not be created a second time by exclusive creation.
    pub exclusive_create: bool,
    /// Whether another node may miss a new name for a while, since look-ups are cached.
    pub lookups_cached: bool,
    /// What is slow or unsafe about it, in words.
    pub warnings: Vec<String>,
}
