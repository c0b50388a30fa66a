//! The old recipe, and what has been taken from it.

use super::Lost;
use crate::tree::{Content, Node, Pointer, Span};
use crate::units::Duration;

/// The old recipe.
pub(super) struct Old<'t> {
    root: &'t Node,
    taken: Vec<Pointer>,
    lost: Vec<(Span, Lost)>,
}

impl<'t> Old<'t> {
    pub(super) fn new(root: &'t Node) -> Self {
        Self {
            root,
            taken: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// The value at a dotted path; whoever calls this carries it over, with all that is below it.
    pub(super) fn take(&mut self, path: &str) -> Option<&'t Node> {
        let pointer = Pointer::from_dotted(path);
        let node = self.root.at(&pointer)?;
        self.taken.push(pointer);
        (node.content != Content::Null).then_some(node)
    }

    /// Whether there is something.
    pub(super) fn has(&self, path: &str) -> bool {
        self.root
            .at(&Pointer::from_dotted(path))
            .is_some_and(|node| node.content != Content::Null)
    }

    /// Lists a value that is not carried over as it is, if it is there.
    pub(super) fn lose(&mut self, path: &str, reason: impl Into<String>) {
        if let Some(node) = self.take(path) {
            self.lose_at(node.span, path, reason);
        }
    }

    pub(super) fn lose_at(&mut self, span: Span, path: impl Into<String>, reason: impl Into<String>) {
        let lost = Lost {
            line: span.start.line,
            path: path.into(),
            reason: reason.into(),
        };
        self.lost.push((span, lost));
    }

    /// A text; numbers and truth values count.
    pub(super) fn text(&mut self, path: &str) -> Option<String> {
        let node = self.take(path)?;
        let text = text_of(node);
        if text.is_none() {
            self.lose_at(
                node.span,
                path,
                format!("a text was expected, not {}", node.content.noun()),
            );
        }
        text
    }

    /// A whole number of at least 1.
    pub(super) fn count(&mut self, path: &str) -> Option<u64> {
        let node = self.take(path)?;
        let count = count_of(node).filter(|count| *count > 0);
        if count.is_none() {
            self.lose_at(node.span, path, "a whole number above 0 was expected");
        }
        count
    }

    /// One whole number or several.
    pub(super) fn counts(&mut self, path: &str) -> Vec<u64> {
        let Some(node) = self.take(path) else {
            return Vec::new();
        };
        let counts: Option<Vec<u64>> = match &node.content {
            Content::Sequence(items) => items.iter().map(count_of).collect(),
            _ => count_of(node).map(|count| vec![count]),
        };
        let mut counts = counts.unwrap_or_default();
        if counts.is_empty() || counts.contains(&0) {
            self.lose_at(node.span, path, "whole numbers above 0 were expected");
            return Vec::new();
        }
        let mut seen = std::collections::HashSet::new();
        counts.retain(|count| seen.insert(*count));
        counts
    }

    pub(super) fn truth(&mut self, path: &str) -> Option<bool> {
        match self.take(path)?.content {
            Content::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    pub(super) fn number(&mut self, path: &str) -> Option<f64> {
        match &self.take(path)?.content {
            Content::Number(number) => number.as_f64(),
            _ => None,
        }
    }

    /// A length of time; a bare number counts seconds.
    pub(super) fn duration(&mut self, path: &str) -> Option<Duration> {
        let node = self.take(path)?;
        let duration = duration_of(node);
        if duration.is_none() {
            self.lose_at(node.span, path, "this is no length of time, such as 30s");
        }
        duration
    }

    pub(super) fn texts(&mut self, path: &str) -> Vec<String> {
        match self.take(path).map(|node| &node.content) {
            Some(Content::Sequence(items)) => items.iter().filter_map(text_of).collect(),
            Some(Content::String(text)) => vec![text.clone()],
            _ => Vec::new(),
        }
    }

    pub(super) fn items(&mut self, path: &str) -> &'t [Node] {
        match self.take(path).map(|node| &node.content) {
            Some(Content::Sequence(items)) => items,
            _ => &[],
        }
    }

    /// Everything that was not carried over, in the order of the text.
    pub(super) fn lost(mut self) -> Vec<Lost> {
        self.leftovers(self.root, &Pointer::root());
        self.lost
            .sort_by(|(a, x), (b, y)| (a, &x.path).cmp(&(b, &y.path)));
        self.lost.into_iter().map(|(_, lost)| lost).collect()
    }

    fn leftovers(&mut self, node: &'t Node, here: &Pointer) {
        if self.taken.contains(here) {
            return;
        }
        match &node.content {
            Content::Mapping(entries) if !entries.is_empty() => {
                for entry in entries {
                    self.leftovers(&entry.value, &here.child(entry.key.as_str()));
                }
            }
            _ => self.lose_at(
                node.span,
                here.segments().join("."),
                "hpcbench has no such setting",
            ),
        }
    }
}

pub(super) fn text_of(node: &Node) -> Option<String> {
    match &node.content {
        Content::String(text) => Some(text.clone()),
        Content::Number(number) => Some(number.to_string()),
        Content::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

pub(super) fn count_of(node: &Node) -> Option<u64> {
    match &node.content {
        Content::Number(number) => number.as_u64(),
        _ => None,
    }
}

pub(super) fn duration_of(node: &Node) -> Option<Duration> {
    match &node.content {
        Content::String(text) => text.parse().ok(),
        Content::Number(number) => {
            let seconds = number.as_f64().filter(|seconds| (0.0..1e9).contains(seconds))?;
            format!("{}ms", (seconds * 1000.0).round()).parse().ok()
        }
        _ => None,
    }
}
