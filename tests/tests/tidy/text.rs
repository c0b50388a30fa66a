//! What no source file may contain.

use crate::files::sources;
use crate::report;

/// Longer files hold more than one idea.
const MAX_LINES: usize = 800;

/// Folders of the crates that only compute.
const PURE: &[&str] = &["src/core", "recipes/src", "src/stats"];

/// Ways to ask the world for the time, for chance, or for anything else. Put together here from halves, as all words
/// below are, so that this file does not break its own rules.
const IMPURE: &[&str] = &[
    concat!("SystemTime", "::now"),
    concat!("Instant", "::now"),
    concat!("Timestamp", "::now"),
    concat!("Zoned", "::now"),
    concat!("ZonedDateTime", "::now"),
    concat!("Random", "State"),
    concat!("std", "::net"),
    concat!("std", "::process"),
    concat!("std", "::thread"),
];

/// Words that say "not finished".
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!("),
];

/// Folders that exist only on somebody's machine.
const MACHINE: &[&str] = &[concat!("/ro", "ot/"), concat!("/wo", "rk/")];

#[test]
fn files_are_short() {
    let mut violations = Vec::new();
    for source in sources().unwrap() {
        let lines = source.text.lines().count();
        if lines > MAX_LINES {
            violations.push(format!(
                "{}: {lines} lines, the limit is {MAX_LINES}",
                source.path.display()
            ));
        }
    }
    report("length", &violations);
}

#[test]
fn pure_crates_do_not_ask_the_world() {
    let mut violations = Vec::new();
    for source in sources().unwrap() {
        if PURE.iter().any(|folder| source.is_rust_below(folder)) && !source.is_for_tests() {
            violations
                .extend(source.wrong_lines("impure", |line| IMPURE.iter().any(|word| line.contains(word))));
        }
    }
    report("purity", &violations);
}

#[test]
fn lints_are_expected_with_a_reason_not_allowed() {
    let (outer, inner) = (concat!("#[", "allow("), concat!("#![", "allow("));
    let mut violations = Vec::new();
    for source in sources().unwrap().iter().filter(|source| source.is_rust()) {
        violations.extend(source.wrong_lines("say `expect` and why", |line| {
            line.contains(outer) || line.contains(inner)
        }));
    }
    report("lints", &violations);
}

#[test]
fn nothing_is_left_for_later() {
    let mut violations = Vec::new();
    for source in sources().unwrap() {
        violations.extend(source.wrong_lines("unfinished", |line| {
            UNFINISHED.iter().any(|word| has_word(line, word))
        }));
    }
    report("unfinished work", &violations);
}

#[test]
fn no_file_knows_a_machine() {
    let mut violations = Vec::new();
    for source in sources().unwrap() {
        let wrong = |line: &str| MACHINE.iter().any(|folder| begins_a_path(line, folder));
        violations.extend(source.wrong_lines("a path of one machine", wrong));
    }
    report("absolute paths", &violations);
}

/// Whether the word stands in the line by itself, not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let part = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (
            line[..at].chars().next_back(),
            line[at + word.len()..].chars().next(),
        );
        let continues = part(word.chars().next_back()) && part(after);
        !part(before) && !continues
    })
}

/// Whether a path in the line begins with the folder, rather than having it in its middle.
fn begins_a_path(line: &str, folder: &str) -> bool {
    let middle = |character: char| character.is_alphanumeric() || "_-.~})".contains(character);
    line.match_indices(folder)
        .any(|(at, _)| !line[..at].chars().next_back().is_some_and(middle))
}

#[test]
fn words_and_paths_are_told_apart() {
    assert!(has_word("// AB: later", "AB"));
    assert!(has_word("ab!(1)", "ab!("));
    assert!(!has_word("CABLE", "AB") && !has_word("TAB_1", "AB"));
    assert!(
        begins_a_path("cd /x/y", "/x/") && begins_a_path("/x/y", "/x/") && begins_a_path("\"/x/y\"", "/x/")
    );
    assert!(!begins_a_path("a/x/y", "/x/") && !begins_a_path("${root}/x/y", "/x/"));
}
