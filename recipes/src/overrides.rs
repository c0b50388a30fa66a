//! `--set PATH=VALUE`: changes to the tree before it is checked.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::schema::suggest;
use crate::tree::{self, Content, Entry, Node, Pointer, Position, Source, Span};

/// Most overrides of one command.
pub const MAX_OVERRIDES: usize = 1000;

/// Applies an override to a recipe's tree. The value is YAML; keys on the way are made where they are missing.
pub(crate) fn apply(root: &mut Node, index: usize, text: &str) -> Result<(), Box<Diagnostic>> {
    let source = Source::Override(index);
    let (path, value) = text
        .split_once('=')
        .ok_or_else(|| refuse(source, text, "write it as PATH=VALUE"))?;
    let pointer = pointer(path).ok_or_else(|| {
        refuse(
            source,
            path,
            "the path must be keys joined by dots, such as workload.load.concurrency",
        )
    })?;
    // Blanks in the path's place keep the columns right.
    let padded = format!("{}{value}", " ".repeat(path.len() + 1));
    let (node, problems) = tree::parse(padded.as_bytes(), source);
    if let Some(problem) = problems.into_iter().next() {
        return Err(Box::new(Diagnostic {
            code: Code::Override,
            ..problem
        }));
    }
    let span = whole(source, path);
    let value = node.unwrap_or(Node {
        content: Content::Null,
        span,
    });
    set(root, &pointer, value, span)
}

fn refuse(source: Source, text: &str, message: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(
        Code::Override,
        whole(source, text),
        String::new(),
        message,
    ))
}

/// The span of an override's beginning.
fn whole(source: Source, text: &str) -> Span {
    let end = Position {
        line: 1,
        column: text.chars().count() as u32 + 1,
        offset: text.len(),
    };
    Span {
        source,
        start: Position::START,
        end,
    }
}

fn pointer(path: &str) -> Option<Pointer> {
    let valid = path.split('.').all(|segment| {
        !segment.is_empty()
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    });
    (valid && path.split('.').count() <= tree::MAX_DEPTH).then(|| in_sweep(path))
}

/// A parameter of a sweep is named by its path, dots included: that is one key.
fn in_sweep(path: &str) -> Pointer {
    let pointer = Pointer::from_dotted(path);
    let above = match pointer.segments() {
        [sweep, matrix, ..] if sweep == "sweep" && matrix == "matrix" => 2,
        [sweep, zip, _, ..] if sweep == "sweep" && zip == "zip" => 3,
        _ => return pointer,
    };
    let segments = path.splitn(above + 1, '.');
    segments.fold(Pointer::root(), |pointer, segment| pointer.child(segment))
}

fn set(root: &mut Node, pointer: &Pointer, value: Node, key_span: Span) -> Result<(), Box<Diagnostic>> {
    let mut node = root;
    for segment in pointer.segments() {
        node = step(node, segment, key_span).map_err(|message| {
            Box::new(Diagnostic::new(
                Code::Override,
                key_span,
                pointer.to_string(),
                message,
            ))
        })?;
    }
    *node = value;
    Ok(())
}

/// The value below a key or index, made if need be.
fn step<'n>(node: &'n mut Node, segment: &str, key_span: Span) -> Result<&'n mut Node, String> {
    if node.content == Content::Null {
        *node = Node {
            content: Content::Mapping(Vec::new()),
            span: key_span,
        };
    }
    match &mut node.content {
        Content::Mapping(entries) => {
            let index = entries
                .iter()
                .position(|entry| entry.key == segment)
                .unwrap_or(entries.len());
            if index == entries.len() {
                let value = Node {
                    content: Content::Null,
                    span: key_span,
                };
                entries.push(Entry {
                    key: segment.to_owned(),
                    key_span,
                    value,
                });
            }
            entries
                .get_mut(index)
                .map(|entry| &mut entry.value)
                .ok_or_else(String::new)
        }
        Content::Sequence(items) => {
            let count = items.len();
            let item = segment
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get_mut(index));
            item.ok_or_else(|| {
                format!("`{segment}` is no entry of a list with {count} entries, counted from 0")
            })
        }
        other => Err(format!(
            "there is {} above {}, not a mapping",
            other.noun(),
            suggest::list(&[segment])
        )),
    }
}
