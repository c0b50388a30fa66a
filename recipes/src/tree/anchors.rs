//! What anchors name, and what an alias would cost.

use std::collections::HashMap;

use super::{Content, Node};

/// The size of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    /// Nodes, keys included.
    pub nodes: usize,
    /// Bytes of keys and texts.
    pub text: usize,
    /// Levels; 1 for a scalar.
    pub depth: usize,
}

impl Weight {
    /// The size of a finished tree.
    pub(super) fn of(node: &Node) -> Self {
        let mut weight = Self {
            nodes: 1,
            text: 0,
            depth: 1,
        };
        match &node.content {
            Content::String(text) => weight.text = text.len(),
            Content::Sequence(items) => items.iter().for_each(|item| weight.add_child(Self::of(item))),
            Content::Mapping(entries) => {
                for entry in entries {
                    weight.nodes += 1;
                    weight.text += entry.key.len();
                    weight.add_child(Self::of(&entry.value));
                }
            }
            Content::Null | Content::Bool(_) | Content::Number(_) => {}
        }
        weight
    }

    fn add_child(&mut self, child: Self) {
        self.nodes += child.nodes;
        self.text += child.text;
        self.depth = self.depth.max(child.depth + 1);
    }
}

/// The finished nodes that have an anchor.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    by_id: HashMap<usize, (Node, Weight)>,
}

impl Anchors {
    /// Remembers a finished node under its anchor. The parser's id 0 means: no anchor.
    pub(super) fn remember(&mut self, id: usize, node: &Node) {
        if id != 0 {
            self.by_id.insert(id, (node.clone(), Weight::of(node)));
        }
    }

    /// What an alias stands for, or `None` while its anchor's node is unfinished: it would contain itself.
    pub(super) fn get(&self, id: usize) -> Option<(&Node, Weight)> {
        self.by_id.get(&id).map(|(node, weight)| (node, *weight))
    }
}
