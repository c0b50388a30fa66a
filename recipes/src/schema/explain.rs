//! From a schema's error to a sentence.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::suggest::{advice, list, nearest};
use super::unions;
use crate::code::Code;
use crate::problem::Problem;
use crate::tree::Pointer;
use crate::units::Duration;

/// Longest value that a message repeats, in characters.
const MAX_QUOTED: usize = 40;

/// Adds what one error of the schema means.
pub(super) fn explain(error: &ValidationError<'_>, schema: &Value, out: &mut Vec<Problem>) {
    let here = Pointer::parse(error.instance_path().as_str());
    let owner = owner(error, schema);
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => {
            out.extend(unexpected.iter().map(|key| unknown_key(&here, key, owner)));
        }
        Kind::Required { property } => out.push(missing_key(here, property, owner)),
        Kind::Type { kind } => out.push(wrong_type(here, kind, error.instance(), owner)),
        Kind::OneOfNotValid { context } => unions::one_of(error, context, schema, out),
        Kind::AnyOf { context } => unions::any_of(error, context, schema, out),
        Kind::Enum { options } => {
            let names: Vec<&str> = options
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            out.push(wrong_name(here, error.instance(), &names));
        }
        Kind::Constant { expected_value } => {
            let names: Vec<&str> = expected_value.as_str().into_iter().collect();
            out.push(wrong_name(here, error.instance(), &names));
        }
        Kind::Pattern { .. } | Kind::Format { .. } => out.push(wrong_form(here, error.instance(), owner)),
        kind => {
            let message = limit(kind, error.instance()).unwrap_or_else(|| error.to_string());
            out.push(Problem::value(Code::WrongValue, here, message).with_help(description(owner)));
        }
    }
}

/// The schema that the failed keyword belongs to.
fn owner<'s>(error: &ValidationError<'_>, schema: &'s Value) -> &'s Value {
    let path = error.schema_path().as_str();
    let above = path.rsplit_once('/').map_or("", |(above, _)| above);
    schema.pointer(above).unwrap_or(&Value::Null)
}

fn description(owner: &Value) -> Option<String> {
    owner.get("description").and_then(Value::as_str).map(one_line)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unknown_key(mapping: &Pointer, key: &str, owner: &Value) -> Problem {
    let known: Vec<&str> = owner
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let message = match mapping.segments().last() {
        Some(section) => format!("unknown key `{}` in `{section}`", quoted(key)),
        None => format!("unknown key `{}`", quoted(key)),
    };
    let fix = nearest(key, known.iter().copied()).map(str::to_owned);
    Problem::key(Code::UnknownKey, mapping.child(key), message)
        .with_help(advice(key, &known))
        .with_fix(fix)
}

fn missing_key(mapping: Pointer, property: &Value, owner: &Value) -> Problem {
    let key = property.as_str().unwrap_or_default();
    let message = match mapping.segments().last() {
        Some(section) => format!("missing key `{key}` in `{section}`"),
        None => format!("missing key `{key}`"),
    };
    let help = owner.pointer(&format!("/properties/{key}")).and_then(description);
    Problem::missing(mapping, key, message).with_help(help.map(|text| format!("add `{key}`: {text}")))
}

/// A value of the wrong type, with advice where YAML's looks deceive.
fn wrong_type(here: Pointer, kind: &TypeKind, found: &Value, owner: &Value) -> Problem {
    if let Some(title) = title(owner) {
        let message = format!("expected {title}, found {}", describe(found));
        return Problem::value(Code::WrongType, here, message)
            .with_help(examples(owner))
            .with_fix(duration(found, owner));
    }
    let expected: Vec<JsonType> = match kind {
        TypeKind::Single(only) => vec![*only],
        TypeKind::Multiple(set) => set.iter().filter(|kind| *kind != JsonType::Null).collect(),
    };
    let nouns: Vec<&str> = expected.iter().map(|kind| type_noun(*kind)).collect();
    let message = format!("expected {}, found {}", nouns.join(" or "), describe(found));
    let fix = expected.first().and_then(|kind| of_type(*kind, found));
    let help = fix.as_ref().map(|(_, advice)| advice.clone());
    Problem::value(Code::WrongType, here, message)
        .with_help(help)
        .with_fix(fix.map(|(text, _)| text))
}

fn type_noun(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "`true` or `false`",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a mapping",
        JsonType::String => "a text",
    }
}

/// The value of the right type that was probably meant, as it is written, and advice to write it.
fn of_type(expected: JsonType, found: &Value) -> Option<(String, String)> {
    let (text, advice) = match (expected, found) {
        (JsonType::Boolean, Value::String(text)) => {
            let truth = match text.to_lowercase().as_str() {
                "yes" | "on" | "y" | "true" => "true",
                "no" | "off" | "n" | "false" => "false",
                _ => return None,
            };
            (truth.to_owned(), format!("write `{truth}`"))
        }
        (JsonType::Integer | JsonType::Number, Value::String(text)) => {
            let digits = text.replace('_', "");
            let plain = digits.trim_start_matches('+').trim_start_matches('0');
            if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let advice = format!(
                "write `{}`, without quotes, signs and leading zeros",
                quoted(plain)
            );
            (plain.to_owned(), advice)
        }
        (JsonType::String, Value::Number(_) | Value::Bool(_)) => {
            let text = format!("\"{found}\"");
            let advice = format!("put it in quotes: {text}");
            (text, advice)
        }
        (JsonType::Array, Value::String(_) | Value::Number(_)) => {
            let advice = format!("write it as a list: [{}]", shown(found));
            (format!("[{found}]"), advice)
        }
        _ => return None,
    };
    Some((text, advice))
}

/// The duration that was probably meant: `30 s` is `30s`, and numbers count seconds.
fn duration(found: &Value, owner: &Value) -> Option<String> {
    if title(owner) != Some("a duration") {
        return None;
    }
    let text = match found {
        Value::String(text) => text.replace(' ', ""),
        Value::Number(number) => format!("{number}s"),
        _ => return None,
    };
    text.parse::<Duration>().is_ok().then_some(text)
}

/// A name that is not among those allowed.
pub(super) fn wrong_name(here: Pointer, found: &Value, names: &[&str]) -> Problem {
    match found {
        Value::String(text) => {
            let message = format!("`{}` is not one of {}", quoted(text), list(names));
            let near = nearest(text, names.iter().copied());
            Problem::value(Code::WrongValue, here, message)
                .with_help(near.map(|name| format!("did you mean `{name}`?")))
                .with_fix(near.map(str::to_owned))
        }
        other => Problem::value(
            Code::WrongType,
            here,
            format!("expected {}, found {}", list(names), describe(other)),
        ),
    }
}

fn wrong_form(here: Pointer, found: &Value, owner: &Value) -> Problem {
    let text = quoted(found.as_str().unwrap_or_default());
    let message = match title(owner) {
        Some(title) => format!("`{text}` is not {title}"),
        None => format!("`{text}` does not have the right form"),
    };
    let help = examples(owner).or_else(|| description(owner));
    Problem::value(Code::WrongValue, here, message)
        .with_help(help)
        .with_fix(duration(found, owner))
}

/// What a schema calls its values, with an article: only quantities have such a title.
fn title(owner: &Value) -> Option<&str> {
    owner
        .get("title")
        .and_then(Value::as_str)
        .filter(|title| title.starts_with("a "))
}

fn examples(owner: &Value) -> Option<String> {
    let examples: Vec<&str> = owner
        .get("examples")?
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    (!examples.is_empty()).then(|| format!("write for example {}", list(&examples)))
}

/// The message of a limit that a value is beyond.
fn limit(kind: &Kind, found: &Value) -> Option<String> {
    Some(match kind {
        Kind::Minimum { limit } => format!("{} is too small: at least {limit}", shown(found)),
        Kind::Maximum { limit } => format!("{} is too large: at most {limit}", shown(found)),
        Kind::ExclusiveMinimum { limit } => {
            format!("{} is too small: it must be above {limit}", shown(found))
        }
        Kind::ExclusiveMaximum { limit } => {
            format!("{} is too large: it must be below {limit}", shown(found))
        }
        Kind::MinLength { limit: 1 } => "the text is empty".to_owned(),
        Kind::MinLength { limit } => format!("the text is too short: at least {limit} characters"),
        Kind::MaxLength { limit } => format!("the text is too long: at most {limit} characters"),
        Kind::MinItems { limit: 1 } => "the list is empty".to_owned(),
        Kind::MinItems { limit } => format!("the list is too short: at least {limit} entries"),
        Kind::MaxItems { limit } => format!("the list is too long: at most {limit} entries"),
        _ => return None,
    })
}

/// What a value is, for "found …".
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(truth) => format!("`{truth}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) => format!("the text `{}`", quoted(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    }
}

/// A text as messages show it: on one line, cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MAX_QUOTED)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        shown.push('…');
    }
    shown
}
