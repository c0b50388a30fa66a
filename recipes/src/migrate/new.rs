//! The new recipe while it grows.

use serde_json::{Map, Value, json};

use crate::write::{Comments, EDITOR_LINE, yaml_text};

/// Where the schema is, seen from a recipe in `recipes/`.
const SCHEMA_PATH: &str = "schema/recipe.schema.json";

#[derive(Default)]
pub(super) struct New {
    document: Map<String, Value>,
    comments: Comments,
}

impl New {
    /// Sets the value at a dotted path.
    pub(super) fn put(&mut self, path: &str, value: impl Into<Value>) {
        let mut members = &mut self.document;
        let mut keys = path.split('.').peekable();
        while let Some(key) = keys.next() {
            if keys.peek().is_none() {
                members.insert(key.to_owned(), value.into());
                return;
            }
            let inner = members.entry(key).or_insert_with(|| json!({}));
            let Value::Object(inner) = inner else { return };
            members = inner;
        }
    }

    /// Sets the value at a path, if there is one.
    pub(super) fn put_some(&mut self, path: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(path, value);
        }
    }

    /// The same with what a reader should know.
    pub(super) fn put_with(&mut self, path: &str, value: impl Into<Value>, remark: &str) {
        self.put(path, value);
        self.comments.insert(path.to_owned(), remark.to_owned());
    }

    /// Varies the value at a path.
    pub(super) fn vary(&mut self, path: &str, values: &[u64]) {
        let sweep = self.document.entry("sweep").or_insert_with(|| json!({}));
        if let Some(matrix) = sweep
            .as_object_mut()
            .and_then(|sweep| sweep.entry("matrix").or_insert_with(|| json!({})).as_object_mut())
        {
            matrix.insert(path.to_owned(), values.into());
        }
    }

    /// Sets the value at a path; where there are several, the sweep does.
    pub(super) fn put_counts(&mut self, path: &str, counts: &[u64]) {
        let Some(first) = counts.first() else { return };
        if counts.len() == 1 {
            self.put(path, *first);
            return;
        }
        self.put_with(path, *first, "the sweep below sets this");
        self.vary(path, counts);
    }

    pub(super) fn text(mut self) -> String {
        // The sweep stands behind what it varies.
        if let Some(sweep) = self.document.shift_remove("sweep") {
            let after = ["monitoring", "logging", "report"]
                .iter()
                .filter_map(|key| Some(((*key).to_owned(), self.document.shift_remove(*key)?)))
                .collect::<Vec<_>>();
            self.document.insert("sweep".to_owned(), sweep);
            self.document.extend(after);
        }
        format!(
            "{EDITOR_LINE}{SCHEMA_PATH}\n\n{}",
            yaml_text(&self.document, &self.comments)
        )
    }
}
