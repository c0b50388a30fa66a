//! The recipe's reference for people, made from its schema and its rules.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::json_schema;
use crate::catalog::ServiceCatalog;
use crate::code::Code;
use crate::diagnostic::Severity;

/// Definitions that are quantities: they are explained once.
const QUANTITIES: [&str; 3] = ["Duration", "Size", "Rate"];

/// From this bound on a number has none that matters.
const NO_BOUND: u64 = u32::MAX as u64;

const BEGINNING: &str = "\
<!-- Made from the recipe's types: change their comments, not this file. -->

# Recipes

A recipe is one YAML file that says what to start, how to load it, what to vary and what to keep. Only `schema`, `name`,
`service` and `workload` are required; unknown keys are errors. Relative paths are relative to the recipe.

`hpcbench init` writes one by asking; `hpcbench validate` finds everything that is wrong with one, and walks through it with
`--interactive`; `hpcbench plan` shows what it leads to; `--set PATH=VALUE` changes a value on the command line; `hpcbench
migrate` rewrites recipes of the Python toolkit. The recipes in `recipes/` are commented examples.

With this first line editors that know YAML complete and check as one types; the schema is what `hpcbench schema` prints:

```yaml
# yaml-language-server: $schema=schema/recipe.schema.json
```
";

/// The reference as Markdown.
pub fn guide_text(catalog: &dyn ServiceCatalog) -> String {
    let schema = json_schema(catalog);
    let mut guide = Guide {
        definitions: schema.get("$defs").and_then(Value::as_object),
        text: BEGINNING.to_owned(),
    };
    guide.quantities();
    guide.line("\n## The whole\n");
    guide.table(&schema);
    for (key, property) in properties(&schema) {
        if let Some(definition) = guide.section_of(property) {
            guide.section(key, property, definition, 2);
        }
    }
    guide.rules();
    guide.text
}

struct Guide<'s> {
    definitions: Option<&'s Map<String, Value>>,
    text: String,
}

impl<'s> Guide<'s> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn quantities(&mut self) {
        self.line("\n## Quantities\n");
        for name in QUANTITIES {
            let Some(definition) = self.definition(name) else {
                continue;
            };
            let examples: Vec<String> = list(definition, "examples").iter().map(code).collect();
            let examples = if examples.is_empty() {
                String::new()
            } else {
                format!(" For example {}.", examples.join(", "))
            };
            let line = format!("- **{name}**: {}{examples}", described(definition));
            self.line(&line);
        }
    }

    fn definition(&self, name: &str) -> Option<&'s Value> {
        self.definitions?.get(name)
    }

    /// What a schema refers to, or the schema itself; `null` as an alternative is left out.
    fn resolved(&self, schema: &'s Value) -> &'s Value {
        if let Some(target) = reference(schema).and_then(|name| self.definition(name)) {
            return target;
        }
        match list(schema, "anyOf") {
            [only, null] if null.get("type").is_some_and(|kind| kind == "null") => self.resolved(only),
            _ => schema,
        }
    }

    /// The definition of a mapping that gets a section of its own.
    fn section_of(&self, property: &'s Value) -> Option<&'s Value> {
        let definition = self.resolved(property);
        let has_fields = definition.get("properties").is_some() || is_union(definition);
        has_fields.then_some(definition)
    }

    fn section(&mut self, path: &str, property: &Value, definition: &'s Value, level: usize) {
        let heading = format!(
            "\n{} `{path}`\n\n{}\n",
            "#".repeat(level.min(4)),
            described(property)
        );
        self.line(&heading);
        if is_union(definition) {
            for branch in list(definition, "oneOf") {
                self.branch(path, branch, level);
            }
            return;
        }
        self.table(definition);
        for (key, property) in properties(definition) {
            if let Some(inner) = self.section_of(property) {
                self.section(&format!("{path}.{key}"), property, inner, level + 1);
            }
        }
        self.options(path, definition);
    }

    /// One form of a mapping that has several, told apart by a key.
    fn branch(&mut self, path: &str, branch: &'s Value, level: usize) {
        let tag = properties(branch).find_map(|(key, value)| Some((key, value.get("const")?.as_str()?)));
        let Some((tag, value)) = tag else { return };
        let line = format!("With `{tag}: {value}`: {}\n", described(branch));
        self.line(&line);
        if properties(branch).count() > 1 {
            self.table(branch);
            self.line("");
        }
        for (key, property) in properties(branch) {
            if let Some(inner) = self.section_of(property) {
                self.section(&format!("{path}.{key}"), property, inner, level + 1);
            }
        }
    }

    /// The options of each kind of service.
    fn options(&mut self, path: &str, definition: &'s Value) {
        for branch in list(definition, "allOf") {
            let kind = branch
                .pointer("/if/properties/kind/const")
                .and_then(Value::as_str);
            let options = branch.pointer("/then/properties/options");
            if let (Some(kind), Some(options)) = (kind, options) {
                let line = format!("\n### `{path}.options` with `kind: {kind}`\n");
                self.line(&line);
                self.table(self.resolved(options));
            }
        }
    }

    fn table(&mut self, definition: &'s Value) {
        if properties(definition).all(|(_, property)| property.get("description").is_none()) {
            return self.names(definition);
        }
        self.line("| key | takes | default | meaning |\n|---|---|---|---|");
        let required = list(definition, "required");
        for (key, property) in properties(definition) {
            if property.get("const").is_some() {
                continue;
            }
            let default = match property.get("default") {
                _ if required.iter().any(|name| name == key) => "required".to_owned(),
                Some(Value::Object(members)) if !members.is_empty() => String::new(),
                None | Some(Value::Null) => "none".to_owned(),
                Some(value) => code(value),
            };
            let meaning = format!("{}{}", described(property), self.meanings(property));
            let line = format!("| `{key}` | {} | {default} | {meaning} |", self.takes(property));
            self.line(&line);
        }
    }

    /// Keys that say themselves what they are.
    fn names(&mut self, definition: &'s Value) {
        let names: Vec<String> = properties(definition)
            .map(|(key, _)| format!("`{key}`"))
            .collect();
        let takes = properties(definition)
            .next()
            .map(|(_, property)| self.takes(property));
        let line = format!(
            "Keys: {}. Each takes {}.",
            names.join(", "),
            takes.unwrap_or_default()
        );
        self.line(&line);
    }

    /// What each name means, where a value is one of several.
    fn meanings(&self, property: &'s Value) -> String {
        let mut text = String::new();
        let resolved = self.resolved(property);
        let items = resolved.get("items").map(|items| self.resolved(items));
        for choice in list(items.unwrap_or(resolved), "oneOf") {
            if let (Some(name), Some(meaning)) = (
                choice.get("const").and_then(Value::as_str),
                choice.get("description"),
            ) && meaning.is_string()
            {
                let _ = write!(text, " `{name}`: {}", described(choice));
            }
        }
        text
    }

    /// What kind of value a key takes.
    fn takes(&self, schema: &'s Value) -> String {
        if let Some(name) = reference(schema) {
            let Some(definition) = self.definition(name) else {
                return String::new();
            };
            return match definition.get("title").and_then(Value::as_str) {
                Some(title) if QUANTITIES.contains(&name) => title.to_owned(),
                _ if definition.get("properties").is_some() || is_union(definition) => "a mapping".to_owned(),
                _ => self.takes(definition),
            };
        }
        for key in ["anyOf", "oneOf"] {
            let alternatives = list(schema, key);
            if !alternatives.is_empty() {
                return self.one_of(alternatives);
            }
        }
        if let Some(value) = schema.get("const") {
            return code(value);
        }
        if !list(schema, "enum").is_empty() {
            return list(schema, "enum")
                .iter()
                .map(code)
                .collect::<Vec<_>>()
                .join(", ");
        }
        let kind = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.first(),
            kind => kind,
        };
        match kind.and_then(Value::as_str) {
            Some("string") => "a text".to_owned(),
            Some("boolean") => "`true` or `false`".to_owned(),
            Some("integer") => format!("a whole number{}", range(schema)),
            Some("number") => format!("a number{}", range(schema)),
            Some("array") => match schema.get("items") {
                Some(items) => format!("a list: {}", self.takes(items)),
                None => "a list".to_owned(),
            },
            _ => "a mapping".to_owned(),
        }
    }

    fn one_of(&self, alternatives: &'s [Value]) -> String {
        let is_null = |schema: &&Value| schema.get("type").is_some_and(|kind| kind == "null");
        let mut forms: Vec<String> = alternatives
            .iter()
            .filter(|schema| !is_null(schema))
            .map(|schema| self.form(schema))
            .collect();
        forms.dedup();
        forms.join(" or ")
    }

    /// One of several forms: the keys of a mapping, or what else it is.
    fn form(&self, schema: &'s Value) -> String {
        let definition = self.resolved(schema);
        let keys: Vec<&str> = properties(definition).map(|(key, _)| key.as_str()).collect();
        if keys.is_empty() || is_union(definition) {
            self.takes(schema)
        } else {
            format!("`{{{}}}`", keys.join(", "))
        }
    }

    fn rules(&mut self) {
        self.line(
            "\n## Rules\n\nWhat no schema can say. `hpcbench validate --explain CODE` shows an example; `--strict` makes errors of \
             warnings.\n\n| code | severity | what it says |\n|---|---|---|",
        );
        for code in Code::ALL {
            let severity = match code.severity() {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let line = format!("| `{code}` | {severity} | {} |", escaped(code.explanation()));
            self.line(&line);
        }
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn list<'v>(schema: &'v Value, key: &str) -> &'v [Value] {
    schema
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Whether a value is one of several mappings, told apart by a key.
fn is_union(definition: &Value) -> bool {
    list(definition, "oneOf")
        .iter()
        .any(|branch| branch.get("properties").is_some())
}

fn described(schema: &Value) -> String {
    let text = schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    escaped(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A text for a cell of a table.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn code(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => format!("`{text}`"),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Object(members) if members.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(code).collect::<Vec<_>>().join(", "),
        other => format!("`{other}`"),
    }
}

/// The bounds of a number, where there are any that matter.
fn range(schema: &Value) -> String {
    let bound = |key: &str| {
        schema
            .get(key)
            .filter(|bound| bound.as_f64().is_none_or(|bound| bound < NO_BOUND as f64))
    };
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (Some(least), None) => format!(", at least {least}"),
        (None, Some(most)) => format!(", at most {most}"),
        (None, None) => String::new(),
    }
}
