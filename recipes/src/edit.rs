//! Changes of a recipe's text that solve a problem.

use std::ops::Range;

use crate::tree::{Content, Node, Source, Span};

/// The bytes of a byte order mark: places are counted behind it.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A place in a recipe's file where another value solves a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The value that is probably meant.
    pub suggestion: Option<String>,
    /// What is replaced, in bytes; empty where something is put in.
    range: Range<usize>,
    /// What stands around the value.
    before: String,
    after: String,
}

impl Edit {
    /// Another key or value in the place of one.
    pub(crate) fn replace(span: Span, suggestion: Option<String>) -> Option<Self> {
        (span.source == Source::File && span.start.offset < span.end.offset).then(|| Self {
            suggestion,
            range: span.start.offset..span.end.offset,
            before: String::new(),
            after: String::new(),
        })
    }

    /// A key more at the beginning of a mapping.
    pub(crate) fn add_key(mapping: &Node, key: &str) -> Option<Self> {
        let Content::Mapping(entries) = &mapping.content else {
            return None;
        };
        let first = entries.first().filter(|_| mapping.span.source == Source::File)?;
        let start = mapping.span.start;
        // In block style a mapping begins where its first key does, in flow style with a brace.
        let is_flow = first.key_span.start != start;
        let (at, after) = if is_flow {
            (start.offset + 1, ", ".to_owned())
        } else {
            (
                start.offset,
                format!("\n{}", " ".repeat(start.column as usize - 1)),
            )
        };
        Some(Self {
            suggestion: None,
            range: at..at,
            before: format!("{key}: "),
            after,
        })
    }

    /// The recipe with this value.
    pub fn apply(&self, source: &[u8], value: &str) -> Vec<u8> {
        let mark = if source.starts_with(MARK) { MARK.len() } else { 0 };
        let bytes = |range: Range<usize>| source.get(range).unwrap_or_default();
        let (start, end) = (self.range.start + mark, self.range.end + mark);
        [
            bytes(0..start),
            self.before.as_bytes(),
            value.as_bytes(),
            self.after.as_bytes(),
            bytes(end..source.len()),
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check_with;

    /// The text after the first problem's edit with a value.
    fn edited(source: &str, value: &str) -> String {
        let checked = check_with(source.as_bytes(), &[]);
        let edit = checked.diagnostics[0].edit.as_ref().unwrap();
        String::from_utf8(edit.apply(source.as_bytes(), value)).unwrap()
    }

    #[test]
    fn values_and_keys_are_put_where_they_belong() {
        let block = "schema: hpcbench/v1\nservice:\n    # ö\n    model: m\n";
        assert!(
            edited(block, "a").starts_with("name: a\nschema:"),
            "{}",
            edited(block, "a")
        );
        let inner = "schema: hpcbench/v1\nname: n\nservice:\n    # ö\n    model: m\nworkload: {}\n";
        let inner = edited(inner, "simulator");
        assert!(inner.contains("    kind: simulator\n    model: m\n"), "{inner}");
        let flow = "schema: hpcbench/v1\nname: n\nservice: {model: m}\nworkload: {}\n";
        assert!(edited(flow, "openai").contains("service: {kind: openai, model: m}\n"));
        let marked = "\u{feff}schema: hpcbench/v1\nname: \"Ü Ü\"\nservice: {kind: simulator}\nworkload: {}\n";
        assert!(
            edited(marked, "uu").contains("\nname: uu\nservice"),
            "{}",
            edited(marked, "uu")
        );
    }

    #[test]
    fn nothing_of_the_command_line_is_edited() {
        let checked = check_with(b"schema: hpcbench/v1\n", &["name=No Name"]);
        let of_override = checked
            .diagnostics
            .iter()
            .find(|found| found.in_override().is_some());
        assert_eq!(of_override.unwrap().edit, None);
    }
}
