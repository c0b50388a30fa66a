//! Name, notes, sweep, monitoring, logs and reports.

use serde_json::json;

use super::old::{Old, duration_of, text_of};
use crate::draft::Draft;
use crate::recipe::LogCategory;
use crate::tree::Node;

/// Longest name of a recipe, in characters.
const MAX_NAME: usize = 40;

pub(super) fn name(old: &mut Old<'_>, new: &mut Draft) {
    let scenario = old.text("scenario").unwrap_or_default();
    let slug = slug(&scenario);
    new.put("name", slug.clone());
    if slug != scenario && !scenario.is_empty() {
        new.put("description", scenario);
    }
}

/// A text as a name: lower-case letters, digits, `_` and `-`.
fn slug(text: &str) -> String {
    let mapped: String = text
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let parts: Vec<&str> = mapped.split('-').filter(|part| !part.is_empty()).collect();
    let mut name = parts.join("-").trim_start_matches('_').to_owned();
    name.truncate(MAX_NAME);
    let name = name.trim_end_matches('-');
    if name.is_empty() {
        "migrated".to_owned()
    } else {
        name.to_owned()
    }
}

pub(super) fn metadata(old: &mut Old<'_>, new: &mut Draft) {
    let tags = old.texts("metadata.tags");
    if !tags.is_empty() {
        new.put("metadata.tags", tags);
    }
    let commit = old
        .text("metadata.git_commit")
        .map(|commit| format!("git commit {commit}"));
    let notes: Vec<String> = old.text("metadata.notes").into_iter().chain(commit).collect();
    if !notes.is_empty() {
        new.put("metadata.notes", notes.join("; "));
    }
}

pub(super) fn sweep(old: &mut Old<'_>, new: &mut Draft) {
    new.put_some("sweep.repetitions", old.count("repetitions"));
    match old.take("metadata.seed") {
        Some(node) if super::old::count_of(node).is_some_and(|seed| seed < 1 << 53) => {
            new.put_some("sweep.seed", super::old::count_of(node));
        }
        Some(node) => old.lose_at(node.span, "metadata.seed", "a seed is a whole number below 2^53"),
        None => {}
    }
}

pub(super) fn observation(old: &mut Old<'_>, new: &mut Draft) {
    new.put_some("monitoring.prometheus", old.truth("monitoring.enabled"));
    for (index, metric) in old.items("monitoring.metrics").iter().enumerate() {
        self::metric(old, new, metric, &format!("monitoring.metrics.{index}"));
    }
    old.lose("monitoring.retention", "what is sampled stays with its run");
    logging(old, new);
    report(old, new);
}

fn metric(old: &mut Old<'_>, new: &mut Draft, metric: &Node, path: &str) {
    let kind = metric.child("type").and_then(text_of).unwrap_or_default();
    let interval = metric.child("scrape_interval").and_then(duration_of);
    let key = match kind.as_str() {
        "prometheus" => "monitoring.scrape_interval",
        "system" => "monitoring.system_interval",
        "gpu" => {
            new.put("monitoring.gpu", "auto");
            "monitoring.system_interval"
        }
        _ => {
            old.lose_at(
                metric.span,
                path,
                "hpcbench samples the service, the system and GPUs",
            );
            return;
        }
    };
    new.put_some(
        key,
        interval
            .filter(|interval| !interval.is_zero())
            .map(|interval| interval.to_string()),
    );
    if let Some(targets) = metric.child("targets") {
        old.lose_at(
            targets.span,
            format!("{path}.targets"),
            "hpcbench knows where its services are",
        );
    }
}

fn logging(old: &mut Old<'_>, new: &mut Draft) {
    if old.truth("logging.enabled") == Some(false) {
        old.lose(
            "logging.enabled",
            "logs are always collected: what happened must be known afterwards",
        );
    }
    old.lose("logging.aggregation", "logs are collected in the run directory");
    let (known, others): (Vec<String>, Vec<String>) = old
        .texts("logging.categories")
        .into_iter()
        .partition(|name| LogCategory::ALL.iter().any(|category| category.as_str() == name));
    if !others.is_empty() {
        old.lose(
            "logging.categories",
            format!("there are no categories {}", others.join(", ")),
        );
    }
    if !known.is_empty() {
        new.put("logging.categories", known);
    }
    if old.text("logging.format").is_some_and(|format| format != "json") {
        old.lose("logging.format", "logs are JSON Lines");
    }
    if old.has("logging.retention") {
        new.put_some(
            "logging.retention",
            old.duration("logging.retention").map(|time| time.to_string()),
        );
    }
}

fn report(old: &mut Old<'_>, new: &mut Draft) {
    let (known, others): (Vec<String>, Vec<String>) = old
        .texts("reporting.formats")
        .into_iter()
        .partition(|format| matches!(format.as_str(), "csv" | "json"));
    if !others.is_empty() {
        old.lose(
            "reporting.formats",
            format!("reports are csv and json, not {}", others.join(", ")),
        );
    }
    if !known.is_empty() {
        new.put("report.formats", json!(known));
    }
    old.lose("reporting.include", "a report holds everything that was measured");
    old.lose("reporting.output_directory", "reports are in the run directory");
}
