//! From answers to values of a recipe.

use serde_json::{Value, json};

/// One value, or several that a sweep goes through: `1, 8, 32`.
pub(super) fn values(answer: &str) -> Vec<Value> {
    let parts = answer.split([',', ' ']).filter(|part| !part.is_empty());
    parts.map(value).collect()
}

/// A number where it is one, else a text.
pub(super) fn value(answer: &str) -> Value {
    let number: Option<serde_json::Number> = answer.parse().ok();
    number.map_or_else(|| json!(answer), Value::Number)
}

/// A command's words, as no shell reads them: nothing but spaces parts them.
pub(super) fn words(answer: &str) -> Value {
    answer.split_whitespace().collect()
}

/// A name for a recipe from its file's: what cannot stand in one becomes `-`.
pub(super) fn name(stem: &str) -> String {
    let name: String = stem
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
    let name = name.trim_matches(['-', '_']).to_owned();
    if name.is_empty() || name == "recipe" {
        "benchmark".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_people_write_them() {
        assert_eq!(values("1, 8,32  64"), [json!(1), json!(8), json!(32), json!(64)]);
        assert_eq!(values("many"), [json!("many")]);
        assert_eq!(values(""), Vec::<Value>::new());
        assert_eq!(value("0.5"), json!(0.5));
        assert_eq!(words(" a  --b={c} 1"), json!(["a", "--b={c}", "1"]));
    }

    #[test]
    fn files_give_names() {
        assert_eq!(
            ["recipe", "My Test.2", "--"].map(name),
            ["benchmark", "my-test-2", "benchmark"]
        );
    }
}
