//! `migrate`: recipes of the Python toolkit in this layout.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::common::{Finished, World};

/// Set to write what is expected instead of comparing it.
const UPDATE_VARIABLE: &str = "HPCBENCH_UPDATE";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/migrate")
        .join(name)
}

fn old(world: &World, name: &str) -> String {
    let text = fs::read_to_string(golden(&format!("{name}.toolkit.yaml"))).unwrap();
    world.write("old.yaml", &text);
    text
}

/// Compares with a golden file, or writes it.
fn expect(name: &str, found: &str) {
    let path = golden(name);
    if env::var_os(UPDATE_VARIABLE).is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{name} is now:\n{found}\n{UPDATE_VARIABLE}=1 writes it"
    );
}

#[test]
fn recipes_of_the_toolkit_become_valid_ones() {
    for name in ["ollama", "vllm", "rate", "distributed"] {
        let world = World::new();
        let source = old(&world, name);
        let finished = world.run(&["migrate", "old.yaml"]);
        assert_eq!(finished.code, Some(0), "{name}: {finished:?}");
        expect(&format!("{name}.yaml"), &finished.stdout);
        let lost = finished.stderr.split("\nwarning").next().unwrap_or_default();
        expect(&format!("{name}.lost.txt"), &format!("{}\n", lost.trim_end()));
        world.write("new.yaml", &finished.stdout);
        let again = world.run(&["validate", "new.yaml"]);
        assert_eq!(again.code, Some(0), "{name}: {again:?}");
        assert_eq!(fs::read_to_string(world.path().join("old.yaml")).unwrap(), source);
    }
}

#[test]
fn validation_names_the_way_out() {
    let world = World::new();
    old(&world, "ollama");
    let finished = world.run(&["validate", "old.yaml"]);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    for words in ["error[schema-version]", "Python toolkit", "hpcbench migrate"] {
        assert!(finished.stdout.contains(words), "no {words}: {finished:?}");
    }
    world
        .run(&["run", "old.yaml"])
        .expect_invalid(&["hpcbench migrate"]);
}

impl Finished {
    /// The recipe's problems are on standard error, then that it is invalid.
    #[track_caller]
    fn expect_invalid(&self, words: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(2), ""), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {self:?}");
        }
    }
}

#[test]
fn what_is_no_benchmark_of_inference_is_refused() {
    let world = World::with_recipe();
    old(&world, "storage");
    let storage = world.run(&["migrate", "old.yaml"]);
    storage.expect_invalid(&[
        "old.yaml:7:14",
        "inference services, not storage",
        "cannot be migrated",
    ]);
    let new = world.run(&["migrate", "good.yaml"]);
    new.expect_invalid(&["no recipe of the Python toolkit"]);
    world.write("broken.yaml", "scenario: [\n");
    world
        .run(&["migrate", "broken.yaml"])
        .expect_invalid(&["broken.yaml:"]);
}

#[test]
fn a_file_that_is_there_is_left_alone() {
    let world = World::new();
    old(&world, "vllm");
    world.write("mine.yaml", "mine");
    let refused = world.run(&["migrate", "old.yaml", "--output", "mine.yaml"]);
    refused.expect_refused(2, &["mine.yaml is there already"]);
    assert_eq!(
        fs::read_to_string(world.path().join("mine.yaml")).unwrap(),
        "mine"
    );
    let written = world.run(&["migrate", "old.yaml", "--output", "new.yaml"]);
    assert_eq!(
        (written.code, written.stdout.as_str()),
        (Some(0), ""),
        "{written:?}"
    );
    assert!(world.path().join("new.yaml").exists());
}
