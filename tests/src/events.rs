//! A run's event log, read as any outsider can: lines of JSON.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// All complete lines of all epochs, in order. A last line without its end is still being written and is left out.
///
/// # Errors
///
/// There is no log, or a complete line is not JSON.
pub fn events(run: &Path) -> Result<Vec<Value>> {
    let folder = run.join("events");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file)?;
        for (line, number) in text
            .split_inclusive('\n')
            .zip(1..)
            .filter(|(line, _)| line.ends_with('\n'))
        {
            let event = serde_json::from_str(line);
            found.push(event.with_context(|| format!("{}:{number} is not JSON: {line}", file.display()))?);
        }
    }
    Ok(found)
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
    fn epochs_follow_each_other_and_an_unfinished_line_is_left_out() {
        let run = run(&[
            (
                "000002.jsonl",
                "{\"type\":\"run.completed\",\"data\":{\"exit_code\":0}}\n{\"type\":\"x",
            ),
            ("000001.jsonl", "{\"type\":\"run.created\"}\n"),
            ("000001.torn", "{"),
        ]);
        let events = events(run.path()).unwrap();
        assert_eq!(types(&events), "run.created, run.completed");
        assert_eq!(terminal(&events).unwrap()["data"]["exit_code"], 0);
        assert_eq!(of_type(&events, "run.created").len(), 1);
        assert!(data(&events, "trial.started").is_err());
    }

    #[test]
    fn a_complete_line_that_is_not_json_is_an_error_with_its_place() {
        let run = run(&[("000001.jsonl", "{}\n{\n")]);
        assert!(
            events(run.path())
                .unwrap_err()
                .to_string()
                .contains("000001.jsonl:2")
        );
    }
}
