//! `report --definitions`: from the records of a run to the metrics of another tool.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::Context;
use hpcbench_report::{DefinitionsReport, RunView, Style};
use hpcbench_stats::{Definitions, Recomputation, Recomputed};
use hpcbench_tables::RecordsReader;

use super::ReportFormat;

/// Below the run directory: the records by trial and attempt, a file a client.
const RECORDS_DIR: &str = "records";

/// What the name of such a file ends with.
const RECORDS_EXTENSION: &str = "parquet";

/// Whose definitions the metrics are recomputed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Tool {
    /// `vllm bench serve`
    Vllm,
    /// NVIDIA AIPerf
    Aiperf,
    /// GuideLLM
    Guidellm,
    /// MLPerf LoadGen, server scenario
    Mlperf,
}

impl From<Tool> for Definitions {
    fn from(tool: Tool) -> Self {
        match tool {
            Tool::Vllm => Self::Vllm,
            Tool::Aiperf => Self::Aiperf,
            Tool::Guidellm => Self::Guidellm,
            Tool::Mlperf => Self::Mlperf,
        }
    }
}

/// The report on a run in the format that was asked for.
///
/// # Errors
/// Records cannot be read.
pub(super) fn text(
    run_dir: &Path,
    view: &RunView,
    tool: Tool,
    format: ReportFormat,
    style: Style,
) -> anyhow::Result<String> {
    let report = DefinitionsReport::of(view, tool.into(), |trial, attempt, recomputation| {
        let folder = run_dir
            .join(RECORDS_DIR)
            .join(trial.as_str())
            .join(attempt.to_string());
        recompute(&folder, recomputation)
    })?;
    Ok(match format {
        ReportFormat::Text => report.to_text(style),
        ReportFormat::Json => report.to_json()?,
        ReportFormat::Csv => report.to_csv(),
    })
}

/// Adds the records of all clients; none if there are none.
fn recompute(folder: &Path, mut recomputation: Recomputation) -> anyhow::Result<Option<Recomputed>> {
    let files = files(folder).with_context(|| format!("failed to list {}", folder.display()))?;
    if files.is_empty() {
        return Ok(None);
    }
    for file in files {
        for record in RecordsReader::open(file)? {
            recomputation.add(&record?);
        }
    }
    Ok(Some(recomputation.finish()))
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == RECORDS_EXTENSION)
    });
    // Sums of fractions depend on the order.
    files.sort_unstable();
    Ok(files)
}
