//! From a recipe's bytes to its plan, or to everything that is wrong with it.

mod located;
#[cfg(test)]
mod search_tests;
mod sections;
mod session;
#[cfg(test)]
mod tests;

use crate::catalog::ServiceCatalog;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::files::{Files, PathBase};
use crate::migrate;
use crate::overrides;
use crate::plan::Plan;
use crate::schema::suggest::nearest;
use crate::schema::{Checker, quoted};
use crate::tree::{self, Content, Node, Position, Source, Span};
use session::Session;

pub use located::problem_at;

/// The value of `schema` in the layout that this build reads.
const SCHEMA: &str = "hpcbench/v1";

/// Checks recipes.
pub struct RecipeChecker<'c> {
    checker: Checker<'c>,
    catalog: &'c dyn ServiceCatalog,
}

/// A recipe that is to be checked.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The file's bytes.
    pub source: &'a [u8],
    /// Overrides of the command line, each `PATH=VALUE`, applied in their order.
    pub overrides: &'a [String],
    /// What relative paths are relative to.
    pub paths: &'a PathBase,
    /// Whether files are there.
    pub files: &'a dyn Files,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// All problems, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The plan, if there is no error.
    pub plan: Option<Plan>,
}

impl Checked {
    fn failed(diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            diagnostics,
            plan: None,
        }
    }

    /// Makes warnings errors; with one there is no plan any more.
    #[must_use]
    pub fn strict(mut self) -> Self {
        crate::diagnostic::deny_warnings(&mut self.diagnostics);
        if !self.diagnostics.is_empty() {
            self.plan = None;
        }
        self
    }
}

impl<'c> RecipeChecker<'c> {
    /// A checker for recipes with services of this catalog.
    pub fn new(catalog: &'c dyn ServiceCatalog) -> Self {
        Self {
            checker: Checker::new(catalog),
            catalog,
        }
    }

    /// Checks a recipe and expands it. All problems are found in one pass; malformed YAML, an override that cannot be
    /// applied and another layout are reported alone, since everything after them would be guesswork.
    pub fn check(&self, input: &Input<'_>) -> Checked {
        let (tree, mut diagnostics) = tree::parse(input.source, Source::File);
        let Some(mut tree) = tree else {
            if diagnostics.is_empty() {
                diagnostics.push(empty());
            }
            return Checked::failed(diagnostics);
        };
        diagnostics.extend(apply_overrides(&mut tree, input.overrides));
        diagnostics.extend(other_layout(&tree));
        let hopeless = |d: &Diagnostic| matches!(d.code, Code::Override | Code::SchemaVersion);
        if diagnostics.iter().any(hopeless) {
            return Checked::failed(diagnostics);
        }
        let mut session = Session::new(&self.checker, self.catalog, input, &tree, diagnostics);
        let plan = session.run();
        Checked {
            diagnostics: sorted(session.into_diagnostics()),
            plan,
        }
    }
}

fn empty() -> Diagnostic {
    let span = Span {
        source: Source::File,
        start: Position::START,
        end: Position::START,
    };
    Diagnostic::new(Code::Syntax, span, String::new(), "the recipe is empty")
        .with_help(Some(format!("begin with `schema: {SCHEMA}`")))
}

fn apply_overrides(tree: &mut Node, texts: &[String]) -> Vec<Diagnostic> {
    if texts.len() > overrides::MAX_OVERRIDES {
        let message = format!(
            "{} overrides are given; {} are allowed",
            texts.len(),
            overrides::MAX_OVERRIDES
        );
        let span = Span {
            source: Source::Override(0),
            start: Position::START,
            end: Position::START,
        };
        return vec![Diagnostic::new(Code::Override, span, String::new(), message)];
    }
    let apply =
        |(index, text): (usize, &String)| overrides::apply(tree, index, text).err().map(|problem| *problem);
    texts.iter().enumerate().filter_map(apply).collect()
}

/// A recipe of another version, or of another tool.
fn other_layout(tree: &Node) -> Option<Diagnostic> {
    let version = tree.child("schema");
    let Some(node) = version else {
        let message = "this is a recipe of the Python toolkit, in another layout";
        let help = "`hpcbench migrate RECIPE` rewrites it".to_owned();
        return migrate::is_toolkit(tree).then(|| {
            Diagnostic::new(Code::SchemaVersion, tree.span, String::new(), message).with_help(Some(help))
        });
    };
    let Content::String(text) = &node.content else {
        return None;
    };
    if text == SCHEMA || nearest(text, [SCHEMA]).is_some() && !text.starts_with("hpcbench/v") {
        return None;
    }
    let message = format!(
        "this build reads recipes of `{SCHEMA}`, not of `{}`",
        quoted(text)
    );
    let help = if is_newer(text) {
        "it was written for a newer hpcbench: use that one".to_owned()
    } else {
        format!("write `schema: {SCHEMA}`, the first and only layout of this build")
    };
    let problem = Diagnostic::new(Code::SchemaVersion, node.span, "/schema".to_owned(), message);
    Some(problem.with_help(Some(help)))
}

/// Whether a layout is a later one of ours.
fn is_newer(text: &str) -> bool {
    let number = text
        .strip_prefix("hpcbench/v")
        .and_then(|number| number.parse::<u32>().ok());
    number.is_some_and(|number| number > 1)
}

/// In the order of the text, each problem once.
fn sorted(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    type Key<'k> = (Span, Code, &'k str, &'k str);
    fn key(diagnostic: &Diagnostic) -> Key<'_> {
        (
            diagnostic.span,
            diagnostic.code,
            &diagnostic.pointer,
            &diagnostic.message,
        )
    }
    diagnostics.sort_by(|a, b| key(a).cmp(&key(b)));
    diagnostics.dedup_by(|b, a| key(a) == key(b));
    diagnostics
}
