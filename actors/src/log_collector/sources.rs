//! Which logs there are on a node.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use hpcbench_core::LogCategory;

/// A log that grows on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSource {
    /// Its file, on node-local disk.
    pub path: PathBuf,
    /// What it is about.
    pub category: LogCategory,
    /// Who writes it; part of the collected file's name.
    pub component: String,
    /// `stdout`, `stderr` or `log`.
    pub stream: &'static str,
    /// What its lines belong to.
    pub correlation: String,
}

/// The logs of a node, shared by those who start programs and those who collect.
#[derive(Debug, Clone, Default)]
pub struct LogSources(Arc<Mutex<Vec<LogSource>>>);

impl LogSources {
    /// Adds a log.
    pub fn add(&self, source: LogSource) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// The logs after the first `known` ones.
    pub fn after(&self, known: usize) -> Vec<LogSource> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .skip(known)
            .cloned()
            .collect()
    }
}
