//! Reading records back from Parquet.

mod events;
mod row;

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use hpcbench_records::Record;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::{RecordsMeta, TableError};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 256;

/// Streams the records of a Parquet file that [`crate::RecordsWriter`] made.
#[derive(Debug)]
pub struct RecordsReader {
    path: PathBuf,
    meta: RecordsMeta,
    rows: u64,
    batches: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    next_row: usize,
    finished: bool,
}

impl RecordsReader {
    /// Opens a file and checks that it holds records.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, TableError> {
        let path = path.into();
        let file = File::open(&path).map_err(|source| TableError::io("open", &path, source))?;
        let failed = |source| TableError::parquet("read", &path, source);
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?;
        let metadata = builder.metadata().file_metadata();
        let pairs = metadata
            .key_value_metadata()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let meta = RecordsMeta::from_key_values(pairs).map_err(|what| TableError::NotRecords {
            path: path.clone(),
            what,
        })?;
        let rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
        let batches = builder.with_batch_size(BATCH_ROWS).build().map_err(failed)?;
        Ok(Self {
            path,
            meta,
            rows,
            batches,
            batch: None,
            next_row: 0,
            finished: false,
        })
    }

    /// What the file says about the trial.
    pub fn meta(&self) -> &RecordsMeta {
        &self.meta
    }

    /// Number of records in the file.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn next_record(&mut self) -> Result<Option<Record>, TableError> {
        loop {
            if let Some(batch) = self
                .batch
                .as_ref()
                .filter(|batch| self.next_row < batch.num_rows())
            {
                let record = row::record(batch, self.next_row).map_err(|what| TableError::NotRecords {
                    path: self.path.clone(),
                    what,
                })?;
                self.next_row += 1;
                return Ok(Some(record));
            }
            self.next_row = 0;
            self.batch = match self.batches.next() {
                None => return Ok(None),
                Some(Ok(batch)) => Some(batch),
                Some(Err(source)) => return Err(TableError::parquet("read", &self.path, source.into())),
            };
        }
    }
}

impl Iterator for RecordsReader {
    type Item = Result<Record, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let next = self.next_record().transpose();
        self.finished = !matches!(next, Some(Ok(_)));
        next
    }
}
