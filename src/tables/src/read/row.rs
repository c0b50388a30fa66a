//! One row of a table as a record.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use hpcbench_records::{ErrorKind, Phase, Record, Status, Times, TokenUsage, TokensSource};

use super::events::events;

/// Reads a row; the error says which column is missing or wrong.
pub(super) fn record(batch: &RecordBatch, row: usize) -> Result<Record, String> {
    let row = Row { batch, row };
    Ok(Record {
        request_id: row.text("request_id")?,
        seq: row.number::<UInt64Type>("seq")?,
        node: row.text("node")?,
        thread: row.number::<UInt16Type>("thread")?,
        endpoint: row.number::<UInt16Type>("endpoint")?,
        conversation: row.optional::<UInt64Type>("conversation")?,
        turn: row.number::<UInt16Type>("turn")?,
        prompt_id: row.number::<UInt64Type>("prompt_id")?,
        phase: row.named("phase", Phase::ALL, Phase::as_str)?,
        cohort: row.boolean("cohort")?,
        stream: row.boolean("stream")?,
        times: times(&row)?,
        conn_id: row.number::<UInt64Type>("conn_id")?,
        conn_reused: row.boolean("conn_reused")?,
        retries: row.number::<UInt8Type>("retries")?,
        status: row.named("status", Status::ALL, Status::as_str)?,
        error_kind: match row.optional_text("error_kind")? {
            Some(_) => Some(row.named("error_kind", ErrorKind::ALL, ErrorKind::as_str)?),
            None => None,
        },
        error_text: row.optional_text("error_text")?,
        http_status: row.optional::<UInt16Type>("http_status")?,
        finish_reason: row.optional_text("finish_reason")?,
        tokens: tokens(&row)?,
        bytes_sent: row.number::<UInt64Type>("bytes_sent")?,
        bytes_received: row.number::<UInt64Type>("bytes_received")?,
        server_ns: server_durations(&row)?,
        output_text: row.optional_text("output_text")?,
        events: events(&row)?,
    })
}

fn times(row: &Row<'_>) -> Result<Times, String> {
    let time = |name| row.optional::<Int64Type>(name);
    Ok(Times {
        intended: row.number::<Int64Type>("t_intended")?,
        dispatch: time("t_dispatch")?,
        connect_start: time("t_connect_start")?,
        connect_end: time("t_connect_end")?,
        tls_end: time("t_tls_end")?,
        send_start: time("t_send_start")?,
        sent: time("t_sent")?,
        send_done: time("t_send_done")?,
        headers: time("t_headers")?,
        first: time("t_first")?,
        first_nonreasoning: time("t_first_nonreasoning")?,
        last: time("t_last")?,
        end: time("t_end")?,
    })
}

fn tokens(row: &Row<'_>) -> Result<TokenUsage, String> {
    let count = |name| row.optional::<UInt32Type>(name);
    Ok(TokenUsage {
        input_planned: count("input_planned")?,
        input_usage: count("input_usage")?,
        cached_input: count("cached_input")?,
        output_planned: count("output_planned")?,
        output_usage: count("output_usage")?,
        reasoning_usage: count("reasoning_usage")?,
        output_retokenized: count("output_retokenized")?,
        chunks: count("token_chunks")?,
        source: row.named("tokens_source", TokensSource::ALL, TokensSource::as_str)?,
    })
}

fn server_durations(row: &Row<'_>) -> Result<BTreeMap<String, u64>, String> {
    let column = row
        .column("server_ns")?
        .as_map_opt()
        .ok_or_else(|| wrong("server_ns"))?;
    let entries = column.value(row.row);
    let keys = entries
        .column(0)
        .as_string_opt::<i32>()
        .ok_or_else(|| wrong("server_ns"))?;
    let values = entries
        .column(1)
        .as_primitive_opt::<UInt64Type>()
        .ok_or_else(|| wrong("server_ns"))?;
    let pairs = keys.iter().zip(values.values());
    Ok(pairs
        .filter_map(|(key, value)| Some((key?.to_owned(), *value)))
        .collect())
}

/// One row of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    batch: &'a RecordBatch,
    pub(super) row: usize,
}

pub(super) fn wrong(name: &str) -> String {
    format!("column {name} has a wrong type or value")
}

impl<'a> Row<'a> {
    pub(super) fn column(&self, name: &str) -> Result<&'a ArrayRef, String> {
        self.batch
            .column_by_name(name)
            .ok_or_else(|| format!("column {name} is missing"))
    }

    fn optional<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Option<T::Native>, String> {
        let column = self
            .column(name)?
            .as_primitive_opt::<T>()
            .ok_or_else(|| wrong(name))?;
        Ok(column.is_valid(self.row).then(|| column.value(self.row)))
    }

    fn number<T: ArrowPrimitiveType>(&self, name: &str) -> Result<T::Native, String> {
        self.optional::<T>(name)?.ok_or_else(|| wrong(name))
    }

    fn boolean(&self, name: &str) -> Result<bool, String> {
        let column = self.column(name)?.as_boolean_opt().ok_or_else(|| wrong(name))?;
        Ok(column.value(self.row))
    }

    fn str(&self, name: &str) -> Result<Option<&'a str>, String> {
        let column = self
            .column(name)?
            .as_string_opt::<i32>()
            .ok_or_else(|| wrong(name))?;
        Ok(column.is_valid(self.row).then(|| column.value(self.row)))
    }

    fn optional_text(&self, name: &str) -> Result<Option<String>, String> {
        Ok(self.str(name)?.map(str::to_owned))
    }

    fn text(&self, name: &str) -> Result<String, String> {
        self.optional_text(name)?.ok_or_else(|| wrong(name))
    }

    /// The one of these values that has the column's text as its name.
    fn named<T: Copy>(&self, name: &str, all: &[T], as_str: fn(T) -> &'static str) -> Result<T, String> {
        let text = self.str(name)?.ok_or_else(|| wrong(name))?;
        all.iter()
            .copied()
            .find(|&value| as_str(value) == text)
            .ok_or_else(|| wrong(name))
    }
}
