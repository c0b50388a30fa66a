//! What the schema alone finds, and where it points.

use super::{MINIMAL, assert_found};
use crate::Code;
use crate::testing::check;

#[test]
fn minimal_recipe_is_valid() {
    assert_found(MINIMAL, &[]);
    assert!(check(MINIMAL).plan.is_some());
}

#[test]
fn unknown_keys_are_shown_at_the_key() {
    let source = MINIMAL.replace("concurrency", "concurency") + "loging: {}\n";
    assert_found(
        &source,
        &[
            (Code::UnknownKey, 5, 25, "/workload/load/concurency"),
            (Code::UnknownKey, 8, 1, "/loging"),
        ],
    );
    let checked = check(&source);
    assert_eq!(
        checked.diagnostics[0].help.as_deref(),
        Some("did you mean `concurrency`?")
    );
    assert_eq!(
        checked.diagnostics[1].help.as_deref(),
        Some("did you mean `logging`?")
    );
}

#[test]
fn missing_keys_are_shown_at_their_mapping() {
    assert_found(
        "schema: hpcbench/v1\nworkload:\n  load: {concurrency: 1}\n  duration: 1m\n",
        &[
            (Code::MissingKey, 1, 1, ""),
            (Code::MissingKey, 1, 1, ""),
            (Code::MissingKey, 3, 3, "/workload"),
            (Code::MissingKey, 3, 9, "/workload/load"),
        ],
    );
}

#[test]
fn wrong_values_are_shown_at_the_value() {
    let source = MINIMAL
        .replace("concurrency: 10", "concurrency: 010")
        .replace("30s", "30 s")
        .replace("64", "{mean: 3, stddev: x, max: 9}");
    assert_found(
        &source,
        &[
            (Code::WrongType, 5, 38, "/workload/load/concurrency"),
            (Code::WrongValue, 6, 13, "/workload/duration"),
            (Code::WrongType, 7, 64, "/workload/prompts/input_tokens/stddev"),
        ],
    );
    let checked = check(&source);
    assert_eq!(
        checked.diagnostics[0].message,
        "expected a whole number, found the text `010`"
    );
    assert_eq!(
        checked.diagnostics[0].help.as_deref(),
        Some("write `10`, without quotes, signs and leading zeros")
    );
    assert_eq!(checked.diagnostics[1].message, "`30 s` is not a duration");
}

#[test]
fn unions_report_the_branch_that_was_meant() {
    for (from, to, message) in [
        (
            "shape: closed",
            "shape: clsed",
            "`clsed` is not one of `closed`, `constant`, `poisson`, `gamma`, `ramp` or `trace`",
        ),
        ("shape: closed, ", "", "missing key `shape`"),
        (
            "{shape: closed, concurrency: 10}",
            "closed",
            "expected a mapping with the key `shape`, found the text `closed`",
        ),
        ("shape: closed", "shape: poisson", "missing key `rate` in `load`"),
        ("concurrency: 10", "concurrency: 0", "0 is too small: at least 1"),
        (
            "concurrency: 10",
            "concurrency: 5000000000",
            "5000000000 is too large: at most 1000000",
        ),
        (
            "concurrency: 10",
            "concurrency: 1.5",
            "expected a whole number, found the number 1.5",
        ),
        ("64", "[1]", "a list is not possible here"),
        ("64", "-1", "-1 is too small: at least 0"),
        ("64", "{values: [1, 0]}", "0 is too small: at least 1"),
        ("30s", "yes", "`yes` is not a duration"),
        ("30s", "99999999d", "`99999999d` is not a duration"),
        ("simulator", "simulatr", "`simulatr` is not one of"),
        (
            "name: minimal",
            "name: No Name",
            "`No Name` does not have the right form",
        ),
        ("name: minimal", "name: 7", "expected a text, found the number 7"),
    ] {
        let source = MINIMAL.replace(from, to);
        assert_ne!(source, MINIMAL);
        let messages: Vec<String> = check(&source)
            .diagnostics
            .into_iter()
            .map(|d| d.message)
            .collect();
        assert!(
            messages.iter().any(|m| m.starts_with(message)),
            "{to}: {messages:?}"
        );
        assert!(
            messages.iter().all(|m| !m.contains("schemas")),
            "{to}: {messages:?}"
        );
    }
}

#[test]
fn other_layouts_are_named() {
    assert_found(
        "schema: hpcbench/v2\nfoo: 1\n",
        &[(Code::SchemaVersion, 1, 9, "/schema")],
    );
    assert_found(
        "scenario: x\npartition: gpu\nresources: {}\norchestration: {}\n",
        &[(Code::SchemaVersion, 1, 1, "")],
    );
    assert_found("", &[(Code::Syntax, 1, 1, "")]);
    assert_found("# nothing\n", &[(Code::Syntax, 1, 1, "")]);
    assert_found("just a text", &[(Code::WrongType, 1, 1, "")]);
}

#[test]
fn problems_behind_an_anchor_are_shown_at_the_anchor() {
    let source = "\
schema: hpcbench/v1
name: anchors
metadata: {notes: &length 30}
service: {kind: simulator}
workload:
  load: {shape: closed, concurrency: 10}
  duration: *length
  prompts: {source: synthetic, input_tokens: 64, output_tokens: 16}
";
    let checked = check(source);
    let places: Vec<_> = checked
        .diagnostics
        .iter()
        .map(|d| (d.line, d.column, d.pointer.as_str()))
        .collect();
    assert_eq!(
        places,
        [(3, 27, "/metadata/notes"), (3, 27, "/workload/duration")]
    );
}
