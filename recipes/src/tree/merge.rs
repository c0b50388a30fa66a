//! Merge keys: `<<: *defaults` takes over the keys that a mapping does not have itself.

use std::collections::HashSet;

use super::{Content, Entry, Node, Span};

/// A merge key's value that is neither a mapping nor a list of mappings.
pub(super) struct NotMergeable {
    /// Where the value stands.
    pub span: Span,
}

/// Adds the entries of merged mappings behind a mapping's own; its own win, then earlier merged ones.
pub(super) fn merge(own: &mut Vec<Entry>, merged: Vec<Node>) -> Result<(), NotMergeable> {
    let mut seen: HashSet<String> = own.iter().map(|entry| entry.key.clone()).collect();
    for node in merged {
        let mappings = match node.content {
            Content::Sequence(items) => items,
            _ => vec![node],
        };
        for mapping in mappings {
            let Content::Mapping(entries) = mapping.content else {
                return Err(NotMergeable { span: mapping.span });
            };
            own.extend(entries.into_iter().filter(|entry| seen.insert(entry.key.clone())));
        }
    }
    Ok(())
}
