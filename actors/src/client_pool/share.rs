//! From what the load engine leaves behind to the files that the run keeps: records as Parquet, and one mergeable aggregate.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hpcbench_core::event::{ArtifactRecorded, ShareFiles};
use hpcbench_core::{Attempt, NodeId, TrialId};
use hpcbench_load::{Outcome, PromptError, TokenCounter};
use hpcbench_recipes::recipe::Connections;
use hpcbench_records::{BlockReader, ReadError, Record};
use hpcbench_stats::{Expectations, TrialAggregate};
use hpcbench_tables::{RecordsMeta, RecordsWriter, TableError};

use crate::shell::{artifact, private_dir, private_file};

/// Why a share cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShareError {
    /// The engine's files cannot be read back.
    #[error("failed to read the records back from {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: ReadError,
    },
    /// The tokens of answers cannot be counted.
    #[error("failed to count the tokens of answers")]
    Tokens(#[from] PromptError),
    /// The table cannot be written.
    #[error("failed to write the records into the run directory")]
    Table(#[from] TableError),
    /// Another file cannot be written.
    #[error("failed to write {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

/// Whose share it is.
pub(super) struct ShareOf {
    pub(super) run_dir: PathBuf,
    pub(super) trial: TrialId,
    pub(super) attempt: Attempt,
    pub(super) node: NodeId,
    /// Whether requests shared connections.
    pub(super) connections: Connections,
    /// Counts the tokens of answers, where their texts are kept.
    pub(super) tokenizer: Option<PathBuf>,
}

impl ShareOf {
    /// Where its files go, below the run directory.
    fn folder(&self) -> String {
        format!("records/{}/{}", self.trial, self.attempt)
    }
}

/// Writes the share's files and removes the engine's.
pub(super) fn keep(
    of: &ShareOf,
    outcome: &Outcome,
    expectations: &Expectations,
) -> Result<ShareFiles, ShareError> {
    let folder = of.folder();
    let directory = of.run_dir.join(&folder);
    private_dir(&directory).map_err(failed(&directory))?;
    let records = format!("{folder}/{}.parquet", of.node);
    let mut aggregate = TrialAggregate::new(of.node.as_str(), outcome.window, expectations);
    aggregate.add_engine(&outcome.engine);
    let counter = of.tokenizer.as_deref().map(TokenCounter::open).transpose()?;
    let mut table = RecordsWriter::create(of.run_dir.join(&records), &meta(of, outcome))?;
    for file in &outcome.files {
        for record in BlockReader::open(&file.path).map_err(unreadable(&file.path))? {
            let mut record = record.map_err(unreadable(&file.path))?;
            if let Some(counter) = &counter {
                recount(&mut record, counter)?;
            }
            aggregate.add(&record);
            table.write(&record)?;
        }
    }
    let written = table.finish()?;
    let records = ArtifactRecorded {
        path: records,
        bytes: written.bytes,
        sha256: written.sha256,
    };
    // With it the names of both files become durable.
    let aggregate = write_aggregate(of, &format!("{folder}/{}.aggregate.json", of.node), &aggregate)?;
    for file in &outcome.files {
        if let Err(error) = fs::remove_file(&file.path) {
            tracing::warn!(%error, "failed to remove {}", file.path.display());
        }
    }
    Ok(ShareFiles { records, aggregate })
}

/// Puts the engine's files beside the records that could not be made of them. That takes no space, but works on one disk only.
pub(super) fn set_aside(of: &ShareOf, outcome: &Outcome) {
    let directory = of.run_dir.join(of.folder());
    for (number, file) in outcome.files.iter().enumerate() {
        let place = directory.join(format!("{}-{number:03}.blocks", of.node));
        match fs::rename(&file.path, &place) {
            Ok(()) => tracing::info!("raw records are kept in {}", place.display()),
            Err(error) => tracing::warn!(%error, "failed to keep the raw records of {}", file.path.display()),
        }
    }
}

/// Counts the tokens of an answer, if its text is there.
fn recount(record: &mut Record, counter: &TokenCounter) -> Result<(), PromptError> {
    if let Some(text) = &record.output_text {
        record.tokens.output_retokenized = Some(counter.count(text)?);
    }
    Ok(())
}

fn meta(of: &ShareOf, outcome: &Outcome) -> RecordsMeta {
    RecordsMeta {
        t0_realtime_ns: outcome.t0_realtime,
        t0_error_ns: outcome.t0_error,
        t1_ns: outcome.window.t1,
        t2_ns: outcome.window.t2,
        stamps: outcome.engine.stamps,
        seed: outcome.seed,
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        tokenizer_hash: outcome.tokenizer_hash.clone(),
        connections: Some(connections_in_words(of.connections)),
        engine_threads: Some(threads_in_words(outcome)),
    }
}

fn connections_in_words(connections: Connections) -> String {
    match connections {
        Connections::Reuse { max_age: None } => "reuse".to_owned(),
        Connections::Reuse { max_age: Some(age) } => format!("reuse, max_age {age}"),
        Connections::Fresh {} => "fresh".to_owned(),
    }
}

fn threads_in_words(outcome: &Outcome) -> String {
    let threads = outcome.engine.threads.len();
    if outcome.cores.is_empty() {
        return threads.to_string();
    }
    let cores: Vec<String> = outcome.cores.iter().map(usize::to_string).collect();
    format!("{threads}, each on its core of {}", cores.join(" "))
}

fn write_aggregate(
    of: &ShareOf,
    relative: &str,
    aggregate: &TrialAggregate,
) -> Result<ArtifactRecorded, ShareError> {
    let path = of.run_dir.join(relative);
    let write = || -> io::Result<ArtifactRecorded> {
        let mut file = io::BufWriter::new(private_file(&path)?);
        serde_json::to_writer(&mut file, aggregate)?;
        // Dropped, it would keep an error to itself.
        file.into_inner()?.sync_all()?;
        artifact(&of.run_dir, relative)
    };
    write().map_err(failed(&path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ShareError {
    let path = path.to_path_buf();
    move |cause| ShareError::Write { path, cause }
}

fn unreadable(path: &Path) -> impl FnOnce(ReadError) -> ShareError {
    let path = path.to_path_buf();
    move |cause| ShareError::Read { path, cause }
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;
