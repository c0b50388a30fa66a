//! Recipes as text: YAML as a person would write it, with comments.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::tree::{Content, plain_scalar};

/// The first line of a recipe, for editors.
pub(crate) const EDITOR_LINE: &str = "# yaml-language-server: $schema=";

/// Widest line that a mapping or a list is put on as a whole, in characters.
const WIDTH: usize = 88;

/// Words that other readers of YAML take for truth values.
const TRUTH_WORDS: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];

/// Remarks by the dotted paths of the values that they stand beside.
pub(crate) type Comments = BTreeMap<String, String>;

/// A document as YAML, its sections apart.
pub(crate) fn yaml_text(document: &Map<String, Value>, comments: &Comments) -> String {
    let mut text = String::new();
    let mut before_was_short = true;
    for (index, (key, value)) in document.iter().enumerate() {
        let lines = entry(key, value, key, 0, comments);
        let is_short = !lines.trim_end().contains('\n');
        if index > 0 && !(is_short && before_was_short) {
            text.push('\n');
        }
        text.push_str(&lines);
        before_was_short = is_short;
    }
    text
}

/// A key with its value, on one line where it fits and nothing inside has a remark.
fn entry(key: &str, value: &Value, path: &str, level: usize, comments: &Comments) -> String {
    let indent = "  ".repeat(level);
    let comment = comments.get(path);
    let below = format!("{path}.");
    let has_remarks_inside = comments.keys().any(|place| place.starts_with(&below));
    let line = format!("{indent}{}: {}", text_scalar(key), flow(value));
    let fits = line.chars().count() <= WIDTH && !has_remarks_inside && !is_section(value, level);
    match value {
        Value::Object(members) if !members.is_empty() && !fits => {
            let mut lines = with_comment(format!("{indent}{}:", text_scalar(key)), comment, &indent);
            for (key, value) in members {
                lines.push_str(&entry(key, value, &format!("{path}.{key}"), level + 1, comments));
            }
            lines
        }
        Value::Array(items) if !items.is_empty() && !fits => {
            let mut lines = with_comment(format!("{indent}{}:", text_scalar(key)), comment, &indent);
            for item in items {
                let _ = writeln!(lines, "{indent}  - {}", flow(item));
            }
            lines
        }
        _ => with_comment(line, comment, &indent),
    }
}

/// Sections of several keys are never on one line.
fn is_section(value: &Value, level: usize) -> bool {
    level == 0 && value.as_object().is_some_and(|members| members.len() > 2)
}

/// A line with a remark behind it, or before it where there is no room.
fn with_comment(line: String, comment: Option<&String>, indent: &str) -> String {
    match comment {
        None => line + "\n",
        Some(comment) if line.chars().count() + comment.chars().count() + 4 <= WIDTH + 24 => {
            format!("{line}  # {comment}\n")
        }
        Some(comment) => format!("{indent}# {comment}\n{line}\n"),
    }
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => text_scalar(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let entries: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{}: {}", text_scalar(key), flow(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text without quotes where every reader of YAML takes it for the same text, else as JSON writes it.
fn text_scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./+~$() ".contains(c);
    let colon_is_inside = !text.contains(": ") && !text.ends_with(':');
    let digits = text.starts_with("0x") || text.starts_with("0o");
    let looks_like_a_number = digits || text.chars().all(|c| c.is_ascii_digit() || "_.:+-eE".contains(c));
    let is_safe = text.starts_with(|c: char| c.is_alphanumeric() || "_/.~$".contains(c))
        && !text.ends_with(' ')
        && text.chars().all(|c| is_plain(c) || c == ':')
        && colon_is_inside
        && !looks_like_a_number
        && !TRUTH_WORDS.contains(&text.to_lowercase().as_str())
        && matches!(plain_scalar(text), Content::String(_));
    if is_safe {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::tree::{Source, parse};

    fn written(document: &Value, comments: &[(&str, &str)]) -> String {
        let comments = comments
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        yaml_text(document.as_object().unwrap(), &comments)
    }

    #[test]
    fn recipes_look_as_people_write_them() {
        let document = json!({
            "schema": "hpcbench/v1", "name": "a",
            "launch": {"mode": "slurm", "time_limit": "01:00:00", "modules": ["A/1", "B"]},
            "service": {"kind": "ollama", "model": "llama3.1:8b", "image": {"path": "a.sif", "source": "docker://a/b:1"}},
            "metadata": {"notes": "no: really"},
        });
        assert_eq!(
            written(
                &document,
                &[
                    ("launch.time_limit", "an hour"),
                    ("service.image.path", "to be fetched")
                ]
            ),
            "schema: hpcbench/v1\nname: a\n\nlaunch:\n  mode: slurm\n  time_limit: \"01:00:00\"  # an hour\n  modules: [A/1, B]\n\nservice:\n  kind: ollama\n  model: llama3.1:8b\n  image:\n    path: a.sif  # to be fetched\n    source: docker://a/b:1\n\nmetadata: {notes: \"no: really\"}\n"
        );
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~é\n\t]{0,12}".prop_map(Value::from),
            "(no|010|1e3|~|0x1F|12:30|-|a:|- a|#|a #b|null|\\.5|1_000|<<|=)".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(("[a-z._]{1,8}", inner), 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(entries in proptest::collection::btree_map("[a-z]{1,9}", value(), 1..5)) {
            let document: Map<String, Value> = entries.into_iter().collect();
            let text = yaml_text(&document, &Comments::new());
            let (node, problems) = parse(text.as_bytes(), Source::File);
            prop_assert_eq!(problems, vec![], "{}", &text);
            prop_assert_eq!(node.unwrap().to_json(), Value::Object(document), "{}", &text);
        }
    }
}
