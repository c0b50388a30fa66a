//! A recipe that is being written.

use serde_json::{Map, Value, json};

use crate::write::{Comments, EDITOR_LINE, yaml_text};

/// Where the schema is, seen from a recipe in `recipes/`.
const SCHEMA_PATH: &str = "schema/recipe.schema.json";

/// The sections in the order in which recipes have them.
const SECTIONS: [&str; 14] = [
    "schema",
    "name",
    "description",
    "metadata",
    "launch",
    "nodes",
    "network",
    "storage",
    "service",
    "workload",
    "sweep",
    "monitoring",
    "logging",
    "report",
];

/// What stands beside a value of which the sweep has several.
const SWEPT: &str = "the sweep below sets this";

/// A recipe that is being written, with remarks beside its values.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    document: Map<String, Value>,
    comments: Comments,
}

impl Draft {
    /// Sets the value at a dotted path. What stands in the way as a single value is replaced.
    pub fn put(&mut self, path: &str, value: impl Into<Value>) {
        let mut node = &mut self.document;
        let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
        for key in above.split('.').filter(|key| !key.is_empty()) {
            let inner = node.entry(key).or_insert_with(|| json!({}));
            if !inner.is_object() {
                *inner = json!({});
            }
            let Value::Object(members) = inner else { return };
            node = members;
        }
        node.insert(last.to_owned(), value.into());
    }

    /// The same with a remark.
    pub fn put_with(&mut self, path: &str, value: impl Into<Value>, remark: &str) {
        self.put(path, value);
        self.comments
            .insert(path.to_owned(), remark.replace(char::is_control, " "));
    }

    /// Sets the value at a path, if there is one.
    pub(crate) fn put_some(&mut self, path: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(path, value);
        }
    }

    /// Sets the value at a path; where there are several, the sweep goes through them.
    pub fn put_levels(&mut self, path: &str, levels: &[Value]) {
        let Some(first) = levels.first() else { return };
        if levels.len() == 1 {
            self.put(path, first.clone());
            return;
        }
        self.put_with(path, first.clone(), SWEPT);
        let sweep = self.document.entry("sweep").or_insert_with(|| json!({}));
        let matrix = sweep
            .as_object_mut()
            .map(|sweep| sweep.entry("matrix").or_insert_with(|| json!({})));
        if let Some(Value::Object(matrix)) = matrix {
            // A path is one key here.
            matrix.insert(path.to_owned(), levels.into());
        }
    }

    /// The recipe's text.
    pub fn text(&self) -> String {
        let mut document = Map::new();
        for section in SECTIONS {
            if let Some(value) = self.document.get(section) {
                document.insert(section.to_owned(), value.clone());
            }
        }
        format!(
            "{EDITOR_LINE}{SCHEMA_PATH}\n\n{}",
            yaml_text(&document, &self.comments)
        )
    }
}
