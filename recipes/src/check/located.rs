//! Problems that show only once a recipe meets a cluster.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::overrides;
use crate::problem::Problem;
use crate::tree::{self, Pointer, Source};

/// A problem with the value at a place such as `nodes.servers.count`, shown in a recipe that has been checked before.
///
/// What is not in the recipe is shown at the nearest value above. `None` if the recipe is no YAML.
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
    Some(Problem::value(code, Pointer::from_dotted(place), message).locate(&tree))
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
        assert!(problem_at(b"{", &[], "name", Code::Cluster, "no").is_none());
    }
}
