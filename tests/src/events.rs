//! A run's event log, read as any outsider can: lines of JSON.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::wait_until;

/// A line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its place.
    pub seq: u64,
    /// Its bytes, without the newline.
    pub text: String,
}

/// The history: the complete lines of all epochs, in order, where a later epoch's first line discards what it did not
/// continue. A last line without its end is still being written and is left out.
///
/// # Errors
///
/// There is no log, or a complete line is not JSON or has no seq.
pub fn history(run: &Path) -> Result<Vec<Line>> {
    let folder = run.join("events");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    let mut found: Vec<Line> = Vec::new();
    for file in files {
        let bytes = fs::read(&file)?;
        let complete = bytes.split_inclusive(|byte| *byte == b'\n');
        for (line, number) in complete.filter_map(|line| line.strip_suffix(b"\n")).zip(1..) {
            let text = String::from_utf8_lossy(line).into_owned();
            let seq = serde_json::from_str::<Value>(&text).ok();
            let seq = seq.and_then(|event| event["seq"].as_u64());
            let seq = seq.with_context(|| format!("{}:{number} is no event: {text}", file.display()))?;
            if number == 1 {
                found.retain(|line| line.seq < seq);
            }
            found.push(Line { seq, text });
        }
    }
    Ok(found)
}

/// The events of the history.
///
/// # Errors
///
/// There is no log, or a complete line is no event.
pub fn events(run: &Path) -> Result<Vec<Value>> {
    let lines = history(run)?;
    lines
        .iter()
        .map(|line| Ok(serde_json::from_str(&line.text)?))
        .collect()
}

/// Those of one type.
pub fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind).collect()
}

/// The data of the first event of a type.
///
/// # Errors
///
/// There is none.
pub fn data<'a>(events: &'a [Value], kind: &str) -> Result<&'a Value> {
    let first = events.iter().find(|event| event["type"] == kind);
    first
        .map(|event| &event["data"])
        .with_context(|| format!("no {kind} among {}", types(events)))
}

/// The event that ended the run.
///
/// # Errors
///
/// The last event is no end.
pub fn terminal(events: &[Value]) -> Result<&Value> {
    events
        .last()
        .filter(|event| {
            matches!(
                event["type"].as_str(),
                Some("run.completed" | "run.failed" | "run.cancelled")
            )
        })
        .with_context(|| format!("the log does not end with the run's end: {}", types(events)))
}

/// Waits until a service of the run is ready, and returns where it listens.
///
/// # Errors
///
/// None is, within the limit.
pub fn wait_ready(run: &Path, limit: Duration) -> Result<SocketAddr> {
    let url = wait_until(limit, "a service to be ready", || {
        // There is no log at first.
        let log = events(run).unwrap_or_default();
        let ready = of_type(&log, "service.ready");
        let url = ready
            .first()
            .and_then(|ready| ready["data"]["endpoints"][0].as_str());
        Ok(url.map(str::to_owned))
    })?;
    url.trim_start_matches("http://")
        .parse()
        .with_context(|| format!("no address: {url}"))
}

fn types(events: &[Value]) -> String {
    events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(files: &[(&str, &str)]) -> tempfile::TempDir {
        let run = tempfile::tempdir().unwrap();
        fs::create_dir(run.path().join("events")).unwrap();
        for (name, text) in files {
            fs::write(run.path().join("events").join(name), text).unwrap();
        }
        run
    }

    #[test]
    fn epochs_follow_each_other_and_what_is_not_history_is_left_out() {
        let run = run(&[
            (
                "000002.jsonl",
                "{\"seq\":2,\"type\":\"run.completed\",\"data\":{\"exit_code\":0}}\n{\"seq\":3,\"type\":\"x",
            ),
            (
                "000001.jsonl",
                "{\"seq\":1,\"type\":\"run.created\"}\n{\"seq\":2,\"type\":\"fenced\"}\n",
            ),
            ("000001.torn", "{"),
        ]);
        let events = events(run.path()).unwrap();
        assert_eq!(types(&events), "run.created, run.completed");
        assert_eq!(terminal(&events).unwrap()["data"]["exit_code"], 0);
        assert_eq!(of_type(&events, "run.created").len(), 1);
        assert!(data(&events, "trial.started").is_err());
    }

    #[test]
    fn a_complete_line_that_is_no_event_is_an_error_with_its_place() {
        let run = run(&[("000001.jsonl", "{\"seq\":1}\n{\n")]);
        assert!(
            events(run.path())
                .unwrap_err()
                .to_string()
                .contains("000001.jsonl:2")
        );
    }
}
