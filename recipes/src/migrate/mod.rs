//! From the Python toolkit's recipes to this layout.
//!
//! Every value of the old recipe is either carried over or listed with the reason why it is not: what no function took is
//! found at the end.

mod job;
mod old;
mod rest;
mod service;
mod workload;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::draft::Draft;
use crate::tree::{self, Node, Position, Source, Span};
use old::Old;

/// Keys at the top of the toolkit's recipes that this layout does not have.
const TOOLKIT_KEYS: [&str; 5] = ["scenario", "orchestration", "resources", "servers", "artifacts"];

/// So many of them tell such a recipe from a wrong one of this layout.
const ENOUGH_KEYS: usize = 2;

/// What became of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The recipe in this layout.
    pub recipe: String,
    /// What could not be carried over, in the order of the old recipe.
    pub lost: Vec<Lost>,
}

/// A value of the old recipe that the new one does not have, or has in another form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Its line in the old recipe.
    pub line: u32,
    /// Its keys, joined by dots.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Whether a document is a recipe of the Python toolkit.
pub(crate) fn is_toolkit(tree: &Node) -> bool {
    let found = TOOLKIT_KEYS.iter().filter(|key| tree.entry(key).is_some());
    tree.entry("schema").is_none() && found.count() >= ENOUGH_KEYS
}

/// Rewrites a recipe of the Python toolkit.
///
/// # Errors
/// It is no YAML, no such recipe, or one that does not benchmark inference.
pub fn migrate(source: &[u8]) -> Result<Migration, Vec<Diagnostic>> {
    let (tree, problems) = tree::parse(source, Source::File);
    let Some(tree) = tree.filter(|_| problems.is_empty()) else {
        return Err(if problems.is_empty() {
            vec![refused(start(), "", "the recipe is empty")]
        } else {
            problems
        });
    };
    if !is_toolkit(&tree) {
        let message = "this is no recipe of the Python toolkit: there is nothing to migrate";
        return Err(vec![refused(tree.span, "", message)]);
    }
    let mut old = Old::new(&tree);
    let mut new = Draft::default();
    new.put("schema", "hpcbench/v1");
    rest::name(&mut old, &mut new);
    rest::metadata(&mut old, &mut new);
    job::launch(&mut old, &mut new);
    let nodes = job::nodes(&mut old, &mut new);
    let kind = service::kind(&mut old).map_err(|problem| vec![*problem])?;
    service::service(&mut old, &mut new, kind, nodes);
    workload::workload(&mut old, &mut new, kind, nodes);
    rest::sweep(&mut old, &mut new);
    rest::observation(&mut old, &mut new);
    Ok(Migration {
        recipe: new.text(),
        lost: old.lost(),
    })
}

/// Sets the value at a path; where there are several, the sweep goes through them.
fn put_counts(new: &mut Draft, path: &str, counts: &[u64]) {
    let levels: Vec<serde_json::Value> = counts.iter().map(|count| (*count).into()).collect();
    new.put_levels(path, &levels);
}

fn start() -> Span {
    Span {
        source: Source::File,
        start: Position::START,
        end: Position::START,
    }
}

fn refused(span: Span, pointer: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::SchemaVersion, span, pointer.to_owned(), message)
}
