//! What the tests read of a run's `report/summary.json`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The whole document.
///
/// # Errors
///
/// It is not there, or not JSON.
pub fn read(run: &Path) -> Result<Value> {
    let file = run.join("report/summary.json");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}

/// Its trials, in order.
///
/// # Errors
///
/// It has none.
pub fn trials(run: &Path) -> Result<Vec<Value>> {
    let summary = read(run)?;
    let trials = summary["trials"].as_array().context("no list of trials")?;
    ensure!(!trials.is_empty(), "no trials: {summary}");
    Ok(trials.clone())
}

/// A number at a pointer such as `/metrics/ttft/p50`.
///
/// # Errors
///
/// There is something else, or nothing.
pub fn number(value: &Value, pointer: &str) -> Result<f64> {
    let found = value.pointer(pointer).and_then(Value::as_f64);
    found.with_context(|| format!("no number at {pointer} of {value}"))
}

/// A number of things at a pointer such as `/requests/ok`.
///
/// # Errors
///
/// There is something else, or nothing.
pub fn count(value: &Value, pointer: &str) -> Result<u64> {
    let found = value.pointer(pointer).and_then(Value::as_u64);
    found.with_context(|| format!("no count at {pointer} of {value}"))
}
