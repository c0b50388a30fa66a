//! Where arrival times come from.

use serde::{Deserialize, Serialize};

/// Where arrival times come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StampSource {
    /// The kernel's receive stamps.
    #[default]
    Kernel,
    /// The time of the read in user space: the fallback where the kernel gives no stamps.
    User,
}

impl StampSource {
    /// The name used in records and summaries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::User => "user",
        }
    }
}
