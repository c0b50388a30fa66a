//! What a plain scalar means.
//!
//! A strict part of YAML 1.2's core schema: numbers are JSON's numbers, truth values are `true` and `false`. All
//! else (`no`, `010`, `0x1f`, `1_000`, `.5`, `.inf`, `1:30`) is a text, so that a value is never another one than it
//! looks like; where a number is needed, a text is an error.

use serde_json::Number;

use super::Content;

/// Integral numbers up to this size are exact as floating point numbers: 2^53.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// The meaning of an unquoted word.
pub(crate) fn resolve(text: &str) -> Content {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" => Content::Bool(true),
        "false" => Content::Bool(false),
        _ => number(text).map_or_else(|| Content::String(text.to_owned()), Content::Number),
    }
}

/// The number that a word is by JSON's grammar. Integral ones become integers: `1e3` is 1000.
fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '-') || text.len() > 40 {
        return None;
    }
    let number: Number = serde_json::from_str(text).ok()?;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= MAX_EXACT => {
            Some(Number::from(float as i64))
        }
        // An integer beyond 64 bits would lose digits.
        Some(_) if number.is_f64() && !text.contains(['.', 'e', 'E']) => None,
        _ => Some(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surprises_stay_texts() {
        for text in [
            "no",
            "yes",
            "on",
            "off",
            "y",
            "True",
            "FALSE",
            "010",
            "0x1f",
            "0o17",
            "1_000",
            ".5",
            "5.",
            "+5",
            ".inf",
            ".nan",
            "NaN",
            "1:30",
            "01:00:00",
            "2024-01-01",
            "99999999999999999999",
            "-",
            "--1",
            "1e999",
            "1 2",
        ] {
            assert_eq!(resolve(text), Content::String(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn numbers_are_numbers() {
        for (text, json) in [
            ("0", "0"),
            ("-7", "-7"),
            ("18446744073709551615", "18446744073709551615"),
            ("0.5", "0.5"),
            ("10.0", "10"),
            ("1e3", "1000"),
            ("-0.0", "0"),
            ("1.5e-3", "0.0015"),
        ] {
            let Content::Number(number) = resolve(text) else {
                panic!("{text} is no number")
            };
            assert_eq!(number.to_string(), json, "{text}");
        }
    }
}
