//! The columns: name, type and source of each in one place.

mod builder;
mod schema;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use hpcbench_records::Record;

use builder::Column;

/// Rows under construction.
pub(crate) struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
    pending: usize,
    events: usize,
}

impl Rows {
    pub(crate) fn new() -> Self {
        let columns = schema::columns();
        let fields: Vec<_> = columns.iter().map(|column| column.field.clone()).collect();
        Self {
            schema: Arc::new(Schema::new(fields)),
            columns,
            pending: 0,
            events: 0,
        }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub(crate) fn append(&mut self, record: &Record) {
        for column in &mut self.columns {
            column.source.append(record);
        }
        self.pending += 1;
        self.events += record.events.len();
    }

    /// Rows since the last batch.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Stream events since the last batch.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// The rows since the last batch.
    pub(crate) fn take_batch(&mut self) -> Result<RecordBatch, ArrowError> {
        self.pending = 0;
        self.events = 0;
        let arrays = self
            .columns
            .iter_mut()
            .map(|column| column.source.finish())
            .collect();
        RecordBatch::try_new(self.schema.clone(), arrays)
    }
}
