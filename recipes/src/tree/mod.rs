//! The located tree: a YAML document whose every key and value knows where it stands.
//!
//! Serde loses positions inside flattened, untagged and internally tagged types, so problems are found on this tree
//! and typed values are made from it only when there are none.

mod anchors;
mod builder;
mod lookup;
mod merge;
mod scalar;
#[cfg(test)]
mod tests;

use serde_json::{Map, Number, Value};

pub(crate) use builder::parse;
pub(crate) use lookup::Pointer;
pub(crate) use scalar::resolve as plain_scalar;

/// Largest recipe that is read, in bytes.
pub const MAX_SOURCE_BYTES: usize = 1 << 20;
/// Most nodes of a document, keys included, after aliases are expanded.
pub const MAX_NODES: usize = 20_000;
/// Deepest nesting of a document, after aliases are expanded.
pub const MAX_DEPTH: usize = 32;
/// Most bytes of text in a document, after aliases are expanded.
pub const MAX_TEXT_BYTES: usize = 4 << 20;

/// A place between two characters of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Bytes before it.
    pub offset: usize,
}

impl Position {
    /// The beginning of a text.
    pub(crate) const START: Self = Self {
        line: 1,
        column: 1,
        offset: 0,
    };
}

/// Which text a span is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Source {
    /// The recipe's file.
    File,
    /// The override of this index, as given on the command line.
    Override(usize),
}

/// A stretch of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span {
    /// Which text.
    pub source: Source,
    /// Its first character.
    pub start: Position,
    /// Behind its last character.
    pub end: Position,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// The value.
    pub content: Content,
    /// Where it stands. What came through an alias stands where its anchor is.
    pub span: Span,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`; nothing else is a truth value.
    Bool(bool),
    /// A number as JSON writes it.
    Number(Number),
    /// Everything else that is one word or a quoted text.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in the document's order, without duplicate keys.
    Mapping(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Content {
    /// What it is, with its article, for messages.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::String(_) => "a text",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

impl Node {
    /// Whether it is neither a list nor a mapping.
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self.content, Content::Sequence(_) | Content::Mapping(_))
    }

    /// The value as JSON.
    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(truth) => Value::Bool(*truth),
            Content::Number(number) => Value::Number(number.clone()),
            Content::String(text) => Value::String(text.clone()),
            Content::Sequence(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Content::Mapping(entries) => {
                let members = entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}
