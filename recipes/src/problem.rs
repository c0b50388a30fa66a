//! A problem before it has a place in a text.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::edit::Edit;
use crate::tree::{Node, Pointer};

/// What is shown: the value, or the key before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Key,
    Value,
}

/// A problem with the value or key at a pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub code: Code,
    pub pointer: Pointer,
    pub target: Target,
    pub message: String,
    pub help: Option<String>,
    /// The key or value that is probably meant.
    pub fix: Option<String>,
    /// The key that is missing in the mapping, if that is the problem.
    pub missing: Option<String>,
}

impl Problem {
    /// A problem with a value.
    pub(crate) fn value(code: Code, pointer: Pointer, message: impl Into<String>) -> Self {
        Self {
            code,
            pointer,
            target: Target::Value,
            message: message.into(),
            help: None,
            fix: None,
            missing: None,
        }
    }

    /// A problem with a key.
    pub(crate) fn key(code: Code, pointer: Pointer, message: impl Into<String>) -> Self {
        Self {
            code,
            pointer,
            target: Target::Key,
            message: message.into(),
            help: None,
            fix: None,
            missing: None,
        }
    }

    /// A key that is missing in a mapping.
    pub(crate) fn missing(mapping: Pointer, key: &str, message: impl Into<String>) -> Self {
        Self {
            missing: Some(key.to_owned()),
            ..Self::value(Code::MissingKey, mapping, message)
        }
    }

    /// The same with advice.
    #[must_use]
    pub(crate) fn with_help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    /// The same with what is probably meant, as it is written in a recipe.
    #[must_use]
    pub(crate) fn with_fix(mut self, fix: impl Into<Option<String>>) -> Self {
        self.fix = fix.into();
        self
    }

    /// Gives the problem its place. What is not in the tree is shown at the nearest value above.
    pub(crate) fn locate(self, tree: &Node) -> Diagnostic {
        let node = tree.nearest(&self.pointer);
        let is_there = tree.at(&self.pointer).is_some();
        let key = match self.target {
            Target::Key => tree.key_span(&self.pointer),
            Target::Value => None,
        };
        let edit = match (&self.missing, key) {
            (Some(missing), _) => Edit::add_key(node, missing),
            (None, Some(span)) => Edit::replace(span, self.fix),
            (None, None) if is_there && node.is_scalar() => Edit::replace(node.span, self.fix),
            (None, None) => None,
        };
        let span = key.unwrap_or(node.span);
        let diagnostic = Diagnostic::new(self.code, span, self.pointer.to_string(), self.message);
        Diagnostic {
            edit,
            ..diagnostic.with_help(self.help)
        }
    }
}
