//! The lists of a row as the events of a stream.

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int64Type, UInt16Type, UInt32Type, UInt64Type};
use hpcbench_records::{EventKind, StreamEvents};

use super::row::{Row, wrong};

pub(super) fn events(row: &Row<'_>) -> Result<StreamEvents, String> {
    let events = StreamEvents {
        t: list::<Int64Type>(row, "ev_t")?,
        read_lag: list::<UInt64Type>(row, "ev_read_lag")?,
        uncertainty: list::<UInt64Type>(row, "ev_uncertainty")?,
        kind: list::<UInt16Type>(row, "ev_kind")?
            .into_iter()
            .map(EventKind)
            .collect(),
        text_bytes: list::<UInt32Type>(row, "ev_text_bytes")?,
        tokens: optional_list::<UInt32Type>(row, "ev_tokens")?,
    };
    let lengths = [
        events.read_lag.len(),
        events.uncertainty.len(),
        events.kind.len(),
        events.text_bytes.len(),
        events.tokens.len(),
    ];
    if lengths.iter().any(|&length| length != events.len()) {
        return Err("the lists of a row differ in length".to_owned());
    }
    Ok(events)
}

fn list<T: ArrowPrimitiveType>(row: &Row<'_>, name: &str) -> Result<Vec<T::Native>, String> {
    let values = optional_list::<T>(row, name)?;
    values
        .into_iter()
        .collect::<Option<_>>()
        .ok_or_else(|| wrong(name))
}

fn optional_list<T: ArrowPrimitiveType>(row: &Row<'_>, name: &str) -> Result<Vec<Option<T::Native>>, String> {
    let column = row
        .column(name)?
        .as_list_opt::<i32>()
        .ok_or_else(|| wrong(name))?;
    let entries = column.value(row.row);
    Ok(entries
        .as_primitive_opt::<T>()
        .ok_or_else(|| wrong(name))?
        .iter()
        .collect())
}
