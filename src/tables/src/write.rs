//! Writing records as Parquet.

use std::path::PathBuf;

use hpcbench_records::Record;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use crate::columns::Rows;
use crate::partial::{Output, PartialFile, Written};
use crate::{RecordsMeta, TableError};

/// Rows that are collected before they are handed to the encoder.
const BATCH_ROWS: usize = 1_024;
/// Stream events that are collected before they are handed to the encoder.
const BATCH_EVENTS: usize = 64 * 1_024;
/// Encoded bytes of a row group, which is what the encoder holds in memory.
const ROW_GROUP_BYTES: usize = 32 << 20;
/// Rows of a row group: short rows take far more than their encoded bytes until it is complete.
const ROW_GROUP_ROWS: usize = 64 * 1_024;

/// Writes records to a Parquet file that appears under its name only when it is complete. What is held in memory does
/// not grow with the number of records. A writer that is dropped without [`RecordsWriter::finish`] leaves nothing.
pub struct RecordsWriter {
    path: PathBuf,
    partial: PartialFile,
    writer: ArrowWriter<Output>,
    rows: Rows,
    written: u64,
}

impl RecordsWriter {
    /// Begins a file, readable by its owner only.
    pub fn create(path: impl Into<PathBuf>, meta: &RecordsMeta) -> Result<Self, TableError> {
        let path = path.into();
        let (partial, output) = PartialFile::create(&path)?;
        let rows = Rows::new();
        // Every type has its logical type in Parquet. With a copy of the Arrow schema in the file, Arrow's own readers
        // would look for the metadata there and nowhere else.
        let options = ArrowWriterOptions::new()
            .with_properties(properties(meta))
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(output, rows.schema(), options)
            .map_err(|source| TableError::parquet("begin", &path, source))?;
        Ok(Self {
            path,
            partial,
            writer,
            rows,
            written: 0,
        })
    }

    /// Adds one record.
    pub fn write(&mut self, record: &Record) -> Result<(), TableError> {
        self.rows.append(record);
        self.written += 1;
        if self.rows.pending() >= BATCH_ROWS || self.rows.events() >= BATCH_EVENTS {
            self.flush_rows()?;
        }
        Ok(())
    }

    /// Completes the file, syncs it, and gives it its name.
    pub fn finish(mut self) -> Result<Written, TableError> {
        self.flush_rows()?;
        let Self {
            path,
            partial,
            writer,
            written,
            ..
        } = self;
        let output = writer
            .into_inner()
            .map_err(|source| TableError::parquet("complete", &path, source))?;
        partial.complete(output, &path, written)
    }

    fn flush_rows(&mut self) -> Result<(), TableError> {
        if self.rows.pending() == 0 {
            return Ok(());
        }
        let batch = self.rows.take_batch().map_err(Into::into);
        let result = batch.and_then(|batch| {
            self.writer.write(&batch)?;
            // The encoder's own limit on a row group is checked only before a batch.
            if self.writer.in_progress_size() >= ROW_GROUP_BYTES {
                self.writer.flush()?;
            }
            Ok(())
        });
        result.map_err(|source| TableError::parquet("write", &self.path, source))
    }
}

fn properties(meta: &RecordsMeta) -> WriterProperties {
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let builder = WriterProperties::builder()
        .set_compression(zstd)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by(format!("hpcbench {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(meta.to_key_values()));
    // These ascend: their differences are small. Their values are all different, which makes a dictionary useless.
    let builder = [
        "seq",
        "t_intended",
        "t_sent",
        "t_first",
        "t_last",
        "t_end",
        "ev_t.list.item",
    ]
    .into_iter()
    .fold(builder, differences);
    builder
        .set_column_dictionary_enabled(ColumnPath::from("request_id"), false)
        .build()
}

fn differences(builder: WriterPropertiesBuilder, column: &str) -> WriterPropertiesBuilder {
    let path = ColumnPath::new(column.split('.').map(str::to_owned).collect());
    builder
        .set_column_dictionary_enabled(path.clone(), false)
        .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
}
