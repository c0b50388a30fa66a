//! Problems for people, in rustc's style, and for programs.

#[cfg(test)]
mod tests;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use crate::diagnostic::{Diagnostic, Severity};

/// Columns of rendered text; longer source lines are cut around what is shown.
const WIDTH: usize = 120;

/// Most problems of one file that are rendered for people.
const MAX_RENDERED: usize = 50;

/// A checked file, as `validate --format json` prints it.
#[derive(Debug, Clone, Serialize)]
pub struct FileReport<'a> {
    /// The file's path, as given.
    pub path: &'a str,
    /// Whether it can be run.
    pub valid: bool,
    /// All problems.
    pub diagnostics: &'a [Diagnostic],
}

impl<'a> FileReport<'a> {
    /// The report of a file's problems.
    pub fn new(path: &'a str, diagnostics: &'a [Diagnostic]) -> Self {
        Self {
            path,
            valid: !diagnostics.iter().any(Diagnostic::is_error),
            diagnostics,
        }
    }
}

/// What `validate --format json` prints.
#[derive(Debug, Clone, Serialize)]
pub struct ValidationReport<'a> {
    /// Each file, in the order given.
    pub files: Vec<FileReport<'a>>,
}

/// The texts that problems are in.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The file's path, as given.
    pub path: &'a str,
    /// The file's bytes.
    pub source: &'a [u8],
    /// Overrides of the command line, as given.
    pub overrides: &'a [String],
}

/// Renders problems with the line they are on, in rustc's style.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources<'_>, colour: bool) -> String {
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH);
    let source = String::from_utf8_lossy(sources.source);
    let source = source.strip_prefix('\u{feff}').unwrap_or(&source);
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(MAX_RENDERED) {
        text.push_str(&render_one(diagnostic, sources, source, &renderer));
        text.push_str("\n\n");
    }
    let left = diagnostics.len().saturating_sub(MAX_RENDERED);
    if left > 0 {
        text.push_str("… and more problems: ");
        text.push_str(&left.to_string());
        text.push_str("\n\n");
    }
    text
}

fn render_one(diagnostic: &Diagnostic, sources: &Sources<'_>, file: &str, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let overridden = diagnostic
        .in_override()
        .and_then(|index| sources.overrides.get(index));
    let (path, text) = match overridden {
        Some(text) => ("--set", text.as_str()),
        None => (sources.path, file),
    };
    let lines = Lines::around(text, diagnostic);
    let snippet = Snippet::source(lines.text)
        .line_start(lines.first)
        .path(path)
        .annotation(lines.annotation);
    let title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.as_str());
    let mut group: Group<'_> = title.element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// The line that a problem begins on. Only that one: a mapping can be as long as the recipe.
struct Lines<'t> {
    text: &'t str,
    first: usize,
    annotation: Annotation<'t>,
}

impl<'t> Lines<'t> {
    fn around(text: &'t str, diagnostic: &Diagnostic) -> Self {
        let line = text
            .split('\n')
            .nth(diagnostic.line as usize - 1)
            .unwrap_or_default()
            .trim_end_matches('\r');
        let start = byte_of_column(line, diagnostic.column);
        let end = if diagnostic.end_line == diagnostic.line {
            byte_of_column(line, diagnostic.end_column)
        } else {
            line.len()
        };
        let annotation = AnnotationKind::Primary.span(start..end.max(start));
        Self {
            text: line,
            first: diagnostic.line as usize,
            annotation,
        }
    }
}

/// The byte that a column of a line begins at.
fn byte_of_column(line: &str, column: u32) -> usize {
    line.char_indices()
        .nth(column as usize - 1)
        .map_or(line.len(), |(byte, _)| byte)
}
