//! What should not be below the home directory: its quota is small on clusters.

use std::path::Path;

use hpcbench_recipes::Plan;
use hpcbench_recipes::recipe::LaunchMode;

use crate::terminal;

/// Says so if what is fetched for a job goes there.
pub(super) fn warn_below(what: &str, path: &Path, plan: &Plan) {
    let home = std::env::home_dir();
    if plan.launch.mode == LaunchMode::Slurm && home.is_some_and(|home| is_below(path, &home)) {
        terminal::say(&format!(
            "{what} is below your home directory, whose quota is small on most clusters: {} (a project's directory has room)",
            path.display()
        ));
    }
}

/// As the file system has it where that can be told: homes are often links.
fn is_below(path: &Path, home: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let home = real(home);
    // The root is no home that anything could be kept out of.
    home.parent().is_some() && real(path).starts_with(home)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_into_the_home_is_below_it() {
        let world = tempfile::tempdir().unwrap();
        let home = world.path().join("home");
        std::fs::create_dir_all(home.join("models")).unwrap();
        let link = world.path().join("models");
        std::os::unix::fs::symlink(home.join("models"), &link).unwrap();
        assert!(is_below(&link, &home) && is_below(&home.join("missing"), &home));
        assert!(!is_below(world.path(), &home) && !is_below(&link, Path::new("/")));
    }
}
