//! The checked-in reference is the one that is made from the types.

use std::path::Path;
use std::{env, fs};

use hpcbench_recipes::{Code, guide_text};
use hpcbench_services::REGISTRY;

/// Set to write the reference instead of comparing it.
const UPDATE_VARIABLE: &str = "HPCBENCH_UPDATE";

#[test]
fn the_guide_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/recipes.md");
    let current = guide_text(&REGISTRY);
    if env::var_os(UPDATE_VARIABLE).is_some() {
        fs::write(&path, &current).expect("the guide can be written");
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == current,
        "run `{UPDATE_VARIABLE}=1 cargo test -p hpcbench-services --test guide --test shipped`"
    );
}

#[test]
fn the_guide_has_every_section_option_and_rule() {
    let guide = guide_text(&REGISTRY);
    for place in [
        "## `launch`",
        "### `nodes.servers`",
        "With `shape: gamma`:",
        "### `service.options` with `kind: vllm`",
        "| `concurrency` | a whole number, 1 to 1000000 | required |",
        "| `warmup` | a duration | `0s` |",
    ] {
        assert!(guide.contains(place), "no {place}:\n{guide}");
    }
    for code in Code::ALL {
        assert!(guide.contains(&format!("| `{code}` |")), "{code}");
    }
    // A cell without words would be a field without a description.
    assert!(!guide.contains("|  |\n"), "{guide}");
}
