//! What is wrong with a recipe, and where.

use serde::Serialize;

use crate::code::Code;
use crate::edit::Edit;
use crate::tree::{Source, Span};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The recipe cannot be run.
    Error,
    /// The recipe can be run, but probably not as meant.
    Warning,
}

/// A problem of a recipe and where it stands. Lines and columns count characters from 1; the end is behind the last
/// character.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Which rule found it.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column behind the last character.
    pub end_column: u32,
    /// JSON pointer of the value or key.
    pub pointer: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where another value solves it, if one does.
    #[serde(skip)]
    pub edit: Option<Edit>,
    /// The stretch of text, for rendering.
    #[serde(skip)]
    pub(crate) span: Span,
}

impl Diagnostic {
    /// A problem at a stretch of text; its severity is that of its code.
    pub(crate) fn new(code: Code, span: Span, pointer: String, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity(),
            code,
            message: message.into(),
            line: span.start.line,
            column: span.start.column,
            end_line: span.end.line,
            end_column: span.end.column,
            pointer,
            help: None,
            edit: None,
            span,
        }
    }

    /// The same with advice.
    #[must_use]
    pub(crate) fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// Whether it keeps the recipe from being run.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The index of the command-line override that the problem is in, if it is not in the file.
    pub fn in_override(&self) -> Option<usize> {
        match self.span.source {
            Source::File => None,
            Source::Override(index) => Some(index),
        }
    }
}

/// Makes warnings errors.
pub(crate) fn deny_warnings(diagnostics: &mut [Diagnostic]) {
    for diagnostic in diagnostics {
        diagnostic.severity = Severity::Error;
    }
}
