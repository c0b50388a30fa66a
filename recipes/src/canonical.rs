//! Canonical JSON and what is derived from it: hashes, trial ids, seeds.
//!
//! Canonical form: no white space; an object's members sorted by the bytes of their names; texts and numbers as
//! `serde_json` writes them (shortest text that reads back as the same number; numbers without a fractional part were
//! made integers when the recipe was read). The same value always has the same bytes.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::ids::TrialId;

/// Hex digits of a trial id's hash.
const ID_DIGITS: usize = 12;

/// Seeds stay below 2^53, so that every JSON reader keeps them exact.
const SEED_BITS: u32 = 53;

/// A value's canonical JSON.
pub(crate) fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => write_object(members, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::String(text) => write_text(text, out),
        scalar => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{scalar}");
        }
    }
}

/// A text in quotes. Most have nothing in them that JSON writes otherwise.
fn write_text(text: &str, out: &mut String) {
    if text
        .bytes()
        .all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
    {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

/// The canonical JSON of an object whose members' own is known.
pub(crate) fn canonical_object(mut members: Vec<(&str, String)>) -> String {
    members.sort_unstable_by_key(|(name, _)| *name);
    let mut text = "{".to_owned();
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_text(name, &mut text);
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    text
}

/// The canonical JSON of a list of items, each made and forgotten before the next one.
pub(crate) fn canonical_list<T>(items: &[T], value: impl Fn(&T) -> Value) -> String {
    let mut text = "[".to_owned();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_value(&value(item), &mut text);
    }
    text.push(']');
    text
}

fn write_object(members: &Map<String, Value>, out: &mut String) {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    out.push('{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_text(name, out);
        out.push(':');
        write_value(value, out);
    }
    out.push('}');
}

/// Hex SHA-256 of some bytes.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What a point's ids begin with: the first digits of the SHA-256 of its parameters' canonical JSON.
pub(crate) fn point_digits(parameters: &Map<String, Value>) -> String {
    let mut text = String::new();
    write_object(parameters, &mut text);
    let mut digits = sha256_hex(text.as_bytes());
    digits.truncate(ID_DIGITS);
    digits
}

/// The id of one measurement of a point.
#[expect(
    clippy::expect_used,
    reason = "hex digits, `-r` and a number make a token of at most 24 characters"
)]
pub(crate) fn trial_id(point_digits: &str, repetition: u32) -> TrialId {
    format!("{point_digits}-r{repetition}").parse().expect("a token")
}

/// A trial's seed: it depends on the sweep's seed and the trial's id only.
pub(crate) fn trial_seed(sweep_seed: u64, id: &TrialId) -> u64 {
    let digest = Sha256::digest(format!("{sweep_seed}/{id}").as_bytes());
    let number = digest
        .iter()
        .take(8)
        .fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
    number >> (u64::BITS - SEED_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn order_of_members_does_not_matter() {
        let one = json!({"b": [1, {"d": 1.5, "c": "ü\n"}], "a": null});
        assert_eq!(
            canonical_json(&one),
            "{\"a\":null,\"b\":[1,{\"c\":\"ü\\n\",\"d\":1.5}]}"
        );
    }

    /// Ids are compared over runs and years: these must never change.
    #[test]
    fn ids_are_fixed_for_all_time() {
        assert_eq!(point_digits(&Map::new()), "44136fa355b3");
        let parameters = json!({"workload.load.concurrency": 10});
        let digits = point_digits(parameters.as_object().unwrap());
        assert_eq!(
            trial_id(&digits, 3).as_str(),
            format!("{}-r3", &sha256_hex(b"{\"workload.load.concurrency\":10}")[..12])
        );
        assert!(trial_seed(7, &trial_id(&digits, 1)) < 1 << 53);
        assert_ne!(
            trial_seed(7, &trial_id(&digits, 1)),
            trial_seed(7, &trial_id(&digits, 2))
        );
    }
}
