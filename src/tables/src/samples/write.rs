//! Writing samples as Parquet.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::SamplesMeta;
use crate::TableError;
use crate::partial::{Output, PartialFile, Written};

/// Rows that are collected before they are handed to the encoder.
const BATCH_ROWS: usize = 8 * 1_024;
/// Rows of a row group, which is what the encoder holds in memory.
const ROW_GROUP_ROWS: usize = 256 * 1_024;

/// One value at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleRow<'a> {
    /// Nanoseconds since the file's `t0`, by the node's monotonic clock.
    pub t_ns: i64,
    /// What was sampled: `host`, `process`, `gpu`, `service`.
    pub source: &'a str,
    /// Which of them: an interface, a GPU's index, a service instance; empty where there is but one.
    pub instance: &'a str,
    /// What was measured; units are part of the name.
    pub metric: &'a str,
    /// Labels of a service's own metric, `name="value"` separated by commas; `None` without any.
    pub labels: Option<&'a str>,
    /// The value.
    pub value: f64,
}

/// Writes samples to a Parquet file that appears under its name only when it is complete. What is held in memory does not
/// grow with the number of samples. A writer that is dropped without [`SamplesWriter::finish`] leaves nothing.
pub struct SamplesWriter {
    path: PathBuf,
    partial: PartialFile,
    writer: ArrowWriter<Output>,
    schema: SchemaRef,
    columns: Columns,
    pending: usize,
    written: u64,
}

#[derive(Default)]
struct Columns {
    t_ns: Int64Builder,
    source: StringBuilder,
    instance: StringBuilder,
    metric: StringBuilder,
    labels: StringBuilder,
    value: Float64Builder,
}

impl SamplesWriter {
    /// Begins a file, readable by its owner only.
    pub fn create(path: impl Into<PathBuf>, meta: &SamplesMeta) -> Result<Self, TableError> {
        let path = path.into();
        let (partial, output) = PartialFile::create(&path)?;
        let schema = schema();
        // See the writer of records.
        let options = ArrowWriterOptions::new()
            .with_properties(properties(meta))
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(output, Arc::clone(&schema), options)
            .map_err(|source| TableError::parquet("begin", &path, source))?;
        Ok(Self {
            path,
            partial,
            writer,
            schema,
            columns: Columns::default(),
            pending: 0,
            written: 0,
        })
    }

    /// Adds one row.
    pub fn write(&mut self, row: SampleRow<'_>) -> Result<(), TableError> {
        self.columns.append(row);
        self.pending += 1;
        self.written += 1;
        if self.pending >= BATCH_ROWS {
            self.flush_rows()?;
        }
        Ok(())
    }

    /// Completes the file, syncs it, and gives it its name.
    pub fn finish(mut self) -> Result<Written, TableError> {
        self.flush_rows()?;
        let output = self
            .writer
            .into_inner()
            .map_err(|source| TableError::parquet("complete", &self.path, source))?;
        self.partial.complete(output, &self.path, self.written)
    }

    fn flush_rows(&mut self) -> Result<(), TableError> {
        if std::mem::take(&mut self.pending) == 0 {
            return Ok(());
        }
        let batch = self.columns.take(&self.schema).map_err(Into::into);
        let result = batch.and_then(|batch| self.writer.write(&batch));
        result.map_err(|source| TableError::parquet("write", &self.path, source))
    }
}

impl Columns {
    fn append(&mut self, row: SampleRow<'_>) {
        self.t_ns.append_value(row.t_ns);
        self.source.append_value(row.source);
        self.instance.append_value(row.instance);
        self.metric.append_value(row.metric);
        self.labels.append_option(row.labels);
        self.value.append_value(row.value);
    }

    fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.t_ns.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.instance.finish()),
            Arc::new(self.metric.finish()),
            Arc::new(self.labels.finish()),
            Arc::new(self.value.finish()),
        ];
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}

fn schema() -> SchemaRef {
    let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        Field::new("t_ns", DataType::Int64, false),
        text("source", false),
        text("instance", false),
        text("metric", false),
        text("labels", true),
        Field::new("value", DataType::Float64, false),
    ]))
}

fn properties(meta: &SamplesMeta) -> WriterProperties {
    let t_ns = ColumnPath::from("t_ns");
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by(format!("hpcbench {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(meta.to_key_values()))
        // Times nearly ascend: their differences are small.
        .set_column_dictionary_enabled(t_ns.clone(), false)
        .set_column_encoding(t_ns, Encoding::DELTA_BINARY_PACKED)
        .build()
}
