//! Problems that show only once a recipe meets a cluster.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::overrides;
use crate::problem::Problem;
use crate::tree::{self, Node, Pointer, Source};

/// A problem with the value at a place such as `nodes.servers.count`, shown in a recipe that has been checked before.
///
/// What a sweep varies is shown there, and what is not in the recipe at the nearest value above. `None` if the recipe is no YAML.
pub fn problem_at(
    source: &[u8],
    overrides: &[String],
    place: &str,
    code: Code,
    message: impl Into<String>,
) -> Option<Diagnostic> {
    let (tree, _) = tree::parse(source, Source::File);
    let mut tree = tree?;
    for (index, text) in overrides.iter().enumerate() {
        // It could be applied when the recipe was checked.
        let _ = overrides::apply(&mut tree, index, text);
    }
    let pointer = swept(&tree, place).unwrap_or_else(|| Pointer::from_dotted(place));
    Some(Problem::value(code, pointer, message).locate(&tree))
}

/// Where a sweep lists the values of this place.
fn swept(tree: &Node, place: &str) -> Option<Pointer> {
    let sweep = Pointer::root().child("sweep");
    let matrix = sweep.child("matrix");
    let zip = sweep.child("zip");
    let groups = (0..).map(|index: usize| zip.child(index.to_string()));
    let groups = groups.take_while(|group| tree.at(group).is_some());
    let mut listed = std::iter::once(matrix)
        .chain(groups)
        .map(|group| group.child(place));
    listed.find(|listed| tree.at(listed).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_shown_where_the_recipe_says_it_or_above() {
        let source = b"name: a\nlaunch:\n  partition: gpu\n";
        let at = |place| {
            let found = problem_at(source, &[], place, Code::Cluster, "no").unwrap();
            (found.line, found.column)
        };
        assert_eq!(at("launch.partition"), (3, 14));
        assert_eq!(at("launch.account"), (3, 3));
        assert_eq!(at("nodes.servers.gpus"), (1, 1));
        let source = b"sweep:\n  matrix: {nodes.servers.count: [1, 8]}\n  zip: [{name: [a]}, {nodes.clients.count: [9]}]\n";
        let at = |place| {
            let found = problem_at(source, &[], place, Code::Cluster, "no").unwrap();
            (found.line, found.column)
        };
        assert_eq!(at("nodes.servers.count"), (2, 33));
        assert_eq!(at("nodes.clients.count"), (3, 44));
        assert!(problem_at(b"{", &[], "name", Code::Cluster, "no").is_none());
    }
}
