//! From a text to its located tree.
//!
//! The events are those of `serde_yaml`'s own parser. Everything is bounded: the text's size, and the number of nodes,
//! their depth and their text after aliases are expanded.

use std::collections::HashMap;

use serde_yaml::granit_parser::{Event, Marker, Parser, ScalarStyle, Span as RawSpan, Tag};

use super::anchors::{Anchors, Weight};
use super::lookup::Pointer;
use super::merge::merge;
use super::scalar::resolve;
use super::{
    Content, Entry, MAX_DEPTH, MAX_NODES, MAX_SOURCE_BYTES, MAX_TEXT_BYTES, Node, Position, Source, Span,
};
use crate::code::Code;
use crate::diagnostic::Diagnostic;

/// Parses a text. The tree is there if the text is well-formed, even if there are problems such as duplicate keys.
pub(crate) fn parse(bytes: &[u8], source: Source) -> (Option<Node>, Vec<Diagnostic>) {
    let text = match readable(bytes, source) {
        Ok(text) => text,
        Err(diagnostic) => return (None, vec![*diagnostic]),
    };
    let mut builder = Builder::new(source);
    match builder.read(text) {
        Ok(()) => {}
        Err(diagnostic) => {
            builder.problems.push(*diagnostic);
            return (None, builder.problems);
        }
    }
    (builder.root, builder.problems)
}

/// The bytes as text, if they are small enough, UTF-8 and free of NUL.
fn readable(bytes: &[u8], source: Source) -> Result<&str, Box<Diagnostic>> {
    let refuse = |code, offset: usize, message: String| {
        let before = String::from_utf8_lossy(bytes.get(..offset).unwrap_or(bytes));
        let place = position_after(&before);
        let span = Span {
            source,
            start: place,
            end: place,
        };
        Err(Box::new(Diagnostic::new(code, span, String::new(), message)))
    };
    if bytes.len() > MAX_SOURCE_BYTES {
        let message = format!(
            "the recipe has {} bytes; {MAX_SOURCE_BYTES} are allowed",
            bytes.len()
        );
        return refuse(Code::TooLarge, 0, message);
    }
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        return refuse(
            Code::Syntax,
            offset,
            "a NUL byte is not allowed in YAML".to_owned(),
        );
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => refuse(
            Code::Syntax,
            error.valid_up_to(),
            "the recipe is not UTF-8 from here on".to_owned(),
        ),
    }
}

/// Where a text ends.
fn position_after(text: &str) -> Position {
    let line = text.matches('\n').count() + 1;
    let last = text.rsplit('\n').next().unwrap_or_default();
    Position {
        line: line as u32,
        column: last.chars().count() as u32 + 1,
        offset: text.len(),
    }
}

type Step = Result<(), Box<Diagnostic>>;

/// A collection that is being read.
enum Open {
    Sequence {
        anchor: usize,
        start: Position,
        items: Vec<Node>,
    },
    Mapping {
        anchor: usize,
        start: Position,
        entries: Vec<Entry>,
        key: Option<Key>,
        merges: Vec<Node>,
        lines: Lines,
    },
}

/// The keys of a mapping so far, with their lines.
type Lines = HashMap<String, u32>;

/// A key whose value is still to come.
struct Key {
    text: String,
    span: Span,
    is_merge: bool,
    is_duplicate: bool,
}

struct Builder {
    source: Source,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: Anchors,
    nodes: usize,
    text_bytes: usize,
    documents: usize,
    problems: Vec<Diagnostic>,
}

impl Builder {
    fn new(source: Source) -> Self {
        Self {
            source,
            open: Vec::new(),
            root: None,
            anchors: Anchors::default(),
            nodes: 0,
            text_bytes: 0,
            documents: 0,
            problems: Vec::new(),
        }
    }

    fn read(&mut self, text: &str) -> Step {
        for step in Parser::new_from_str(text) {
            let (event, span) = step.map_err(|error| {
                let place = position(*error.marker());
                let span = Span {
                    source: self.source,
                    start: place,
                    end: place,
                };
                Box::new(Diagnostic::new(
                    Code::Syntax,
                    span,
                    String::new(),
                    format!("not valid YAML: {}", error.info()),
                ))
            })?;
            self.accept(event, span)?;
        }
        Ok(())
    }

    fn accept(&mut self, event: Event<'_>, raw: RawSpan) -> Step {
        let span = self.span(raw);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(self.problem(
                        Code::Syntax,
                        span,
                        "a second document begins here; a recipe is one document",
                    ));
                }
            }
            Event::Alias(id) => return self.alias(id, span),
            Event::UnresolvedAlias(name) => {
                return Err(self.problem(
                    Code::Syntax,
                    span,
                    &format!("there is no anchor `&{name}` before this"),
                ));
            }
            Event::Scalar(text, style, anchor, tag) => {
                return self.scalar(&text, style, anchor, tag.as_deref(), span);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), "seq", span)?;
                self.enter(
                    span,
                    Open::Sequence {
                        anchor,
                        start: span.start,
                        items: Vec::new(),
                    },
                )?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), "map", span)?;
                let (entries, merges, lines) = (Vec::new(), Vec::new(), Lines::new());
                self.enter(
                    span,
                    Open::Mapping {
                        anchor,
                        start: span.start,
                        entries,
                        key: None,
                        merges,
                        lines,
                    },
                )?;
            }
            Event::SequenceEnd | Event::MappingEnd => return self.close(span),
            _ => {}
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        mut span: Span,
    ) -> Step {
        self.spend(
            Weight {
                nodes: 1,
                text: text.len(),
                depth: 1,
            },
            span,
        )?;
        let plain = style == ScalarStyle::Plain;
        let content = match tag {
            None if plain => resolve(text),
            None => Content::String(text.to_owned()),
            Some(tag) if is_core(tag, "str") => Content::String(text.to_owned()),
            Some(_) => return Err(self.problem(Code::Syntax, span, "a recipe uses no tags but `!!str`")),
        };
        if self.expects_key() {
            self.begin_entry(text, plain && text == "<<", span);
            return Ok(());
        }
        // A value that is not there is shown at its key.
        if span.start.offset >= span.end.offset
            && let Some(Open::Mapping { key: Some(key), .. }) = self.open.last()
        {
            span = key.span;
        }
        let node = Node { content, span };
        self.anchors.remember(anchor, &node);
        self.place(node)
    }

    fn alias(&mut self, id: usize, span: Span) -> Step {
        let Some((node, weight)) = self.anchors.get(id) else {
            return Err(self.problem(Code::Syntax, span, "this alias stands inside its own anchor"));
        };
        let node = node.clone();
        self.spend(weight, span)?;
        if !self.expects_key() {
            return self.place(node);
        }
        match node.content {
            Content::String(text) => {
                self.begin_entry(&text, false, span);
                Ok(())
            }
            _ => Err(self.problem(Code::Syntax, span, "a key must be a text")),
        }
    }

    /// Whether the next node is a key.
    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Mapping { key: None, .. }))
    }

    /// Takes note of a key; its value follows.
    fn begin_entry(&mut self, text: &str, is_merge: bool, span: Span) {
        let Some(Open::Mapping { key, lines, .. }) = self.open.last_mut() else {
            return;
        };
        let first = if is_merge { None } else { lines.get(text).copied() };
        lines.entry(text.to_owned()).or_insert(span.start.line);
        *key = Some(Key {
            text: text.to_owned(),
            span,
            is_merge,
            is_duplicate: first.is_some(),
        });
        if let Some(line) = first {
            let message = format!("the key `{text}` is there already, on line {line}");
            let pointer = self.pointer().child(text).to_string();
            let problem = Diagnostic::new(Code::DuplicateKey, span, pointer, message);
            self.problems
                .push(problem.with_help(Some("remove one of the two".to_owned())));
        }
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node) -> Step {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping {
                entries,
                key: pending,
                merges,
                ..
            }) => match pending.take() {
                Some(key) if key.is_merge => merges.push(node),
                Some(key) if key.is_duplicate => {}
                Some(key) => entries.push(Entry {
                    key: key.text,
                    key_span: key.span,
                    value: node,
                }),
                None => return Err(self.problem(Code::Syntax, node.span, "a key must be a text")),
            },
        }
        Ok(())
    }

    fn enter(&mut self, span: Span, open: Open) -> Step {
        if self.expects_key() {
            return Err(self.problem(
                Code::Syntax,
                span,
                "a key must be a text, not a list or a mapping",
            ));
        }
        self.spend(
            Weight {
                nodes: 1,
                text: 0,
                depth: 1,
            },
            span,
        )?;
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self, end: Span) -> Step {
        let (anchor, node) = match self.open.pop() {
            None => return Ok(()),
            Some(Open::Sequence { anchor, start, items }) => {
                let last = items
                    .iter()
                    .map(|item| item.span)
                    .rfind(|span| span.start >= start);
                let span = Span {
                    source: self.source,
                    start,
                    end: collection_end(last, end),
                };
                (
                    anchor,
                    Node {
                        content: Content::Sequence(items),
                        span,
                    },
                )
            }
            Some(Open::Mapping {
                anchor,
                start,
                mut entries,
                merges,
                ..
            }) => {
                let last = entries
                    .iter()
                    .map(|entry| entry.value.span.max(entry.key_span))
                    .rfind(|s| s.start >= start);
                let span = Span {
                    source: self.source,
                    start,
                    end: collection_end(last, end),
                };
                if let Err(wrong) = merge(&mut entries, merges) {
                    let message = "`<<` takes a mapping or a list of mappings";
                    return Err(self.problem(Code::Syntax, wrong.span, message));
                }
                (
                    anchor,
                    Node {
                        content: Content::Mapping(entries),
                        span,
                    },
                )
            }
        };
        self.anchors.remember(anchor, &node);
        self.place(node)
    }

    /// Counts what is about to be added against the budgets.
    fn spend(&mut self, weight: Weight, span: Span) -> Step {
        self.nodes += weight.nodes;
        self.text_bytes += weight.text;
        let limit = if self.nodes > MAX_NODES {
            format!("more than {MAX_NODES} keys and values")
        } else if self.text_bytes > MAX_TEXT_BYTES {
            format!("more than {MAX_TEXT_BYTES} bytes of text")
        } else if self.open.len() + weight.depth > MAX_DEPTH {
            format!("more than {MAX_DEPTH} levels")
        } else {
            return Ok(());
        };
        Err(self.problem(
            Code::TooLarge,
            span,
            &format!("the recipe has {limit}, aliases expanded"),
        ))
    }

    fn check_collection_tag(&self, tag: Option<&Tag>, expected: &str, span: Span) -> Step {
        match tag {
            Some(tag) if !is_core(tag, expected) => {
                Err(self.problem(Code::Syntax, span, "a recipe uses no tags but `!!str`"))
            }
            _ => Ok(()),
        }
    }

    fn span(&self, raw: RawSpan) -> Span {
        Span {
            source: self.source,
            start: position(raw.start),
            end: position(raw.end),
        }
    }

    /// JSON pointer of the collection that is being read.
    fn pointer(&self) -> Pointer {
        let above = self.open.iter().take(self.open.len().saturating_sub(1));
        above.fold(Pointer::root(), |pointer, open| match open {
            Open::Sequence { items, .. } => pointer.child(items.len().to_string()),
            Open::Mapping { key: Some(key), .. } => pointer.child(key.text.as_str()),
            Open::Mapping { key: None, .. } => pointer,
        })
    }

    fn problem(&self, code: Code, span: Span, message: &str) -> Box<Diagnostic> {
        Box::new(Diagnostic::new(code, span, self.pointer().to_string(), message))
    }
}

/// Where a collection ends: behind its closing bracket, or in block style behind its last value, since the parser
/// ends a block only at the next token.
fn collection_end(last: Option<Span>, end: Span) -> Position {
    match last {
        Some(last) if end.start.offset >= end.end.offset => last.end,
        _ => end.end,
    }
}

fn position(marker: Marker) -> Position {
    Position {
        line: marker.line() as u32,
        column: marker.col() as u32 + 1,
        offset: marker.byte_offset().unwrap_or_default(),
    }
}

fn is_core(tag: &Tag, suffix: &str) -> bool {
    tag.handle() == "tag:yaml.org,2002:" && tag.suffix() == suffix
}
