use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::code::Code;
use crate::diagnostic::Diagnostic;

fn tree(text: &str) -> Node {
    let (node, problems) = parse(text.as_bytes(), Source::File);
    assert_eq!(problems, [], "{text}");
    node.unwrap()
}

fn problems(bytes: &[u8]) -> Vec<Diagnostic> {
    parse(bytes, Source::File).1
}

fn at(text: &str, pointer: &str) -> (u32, u32, u32, u32) {
    let root = tree(text);
    let span = root.at(&Pointer::parse(pointer)).unwrap().span;
    (span.start.line, span.start.column, span.end.line, span.end.column)
}

#[test]
fn every_value_knows_its_place() {
    let text = "# comment\na: one\nb:\n  c: [1, \"x\", {d: 2}]\n  e:\n\nf: |\n  text\n";
    assert_eq!(at(text, "/a"), (2, 4, 2, 7));
    assert_eq!(at(text, "/b"), (4, 3, 5, 4));
    assert_eq!(at(text, "/b/c"), (4, 6, 4, 22));
    assert_eq!(at(text, "/b/c/1"), (4, 10, 4, 13));
    assert_eq!(at(text, "/b/c/2/d"), (4, 19, 4, 20));
    // A value that is not there is shown at its key.
    assert_eq!(at(text, "/b/e"), (5, 3, 5, 4));
    assert_eq!(at(text, ""), (2, 1, 9, 1));
}

#[test]
fn every_key_knows_its_place() {
    let root = tree("a:\n  b: 1\nc: {d: 2}\n");
    let key = |pointer: &str| {
        let span = root.key_span(&Pointer::parse(pointer)).unwrap();
        (span.start.line, span.start.column, span.end.column)
    };
    assert_eq!(key("/a"), (1, 1, 2));
    assert_eq!(key("/a/b"), (2, 3, 4));
    assert_eq!(key("/c/d"), (3, 5, 6));
}

#[test]
fn columns_count_characters() {
    assert_eq!(at("é: {ü: \"日本\", x: 7}", "/é/x"), (1, 17, 1, 18));
    assert_eq!(at("\u{feff}a: 7", "/a"), (1, 4, 1, 5));
    assert_eq!(at("a: 1\r\nb: 2\r\n", "/b"), (2, 4, 2, 5));
}

#[test]
fn aliases_stand_where_their_anchor_is() {
    let text = "base: &base {x: 1, y: 2}\nuse:\n  <<: *base\n  y: 3\nsame: *base\n";
    assert_eq!(tree(text).to_json()["use"], serde_json::json!({"y": 3, "x": 1}));
    assert_eq!(at(text, "/use/x"), (1, 17, 1, 18));
    assert_eq!(at(text, "/same/y"), (1, 23, 1, 24));
    let list = tree("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n").to_json();
    assert_eq!(list["c"], serde_json::json!({"x": 1, "y": 2}));
}

#[test]
fn duplicate_keys_are_all_found() {
    let found = problems(b"a: 1\nb: {c: 1, c: 2}\na: 2\n");
    let places: Vec<_> = found
        .iter()
        .map(|d| (d.code, d.line, d.column, d.pointer.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            (Code::DuplicateKey, 2, 11, "/b/c"),
            (Code::DuplicateKey, 3, 1, "/a")
        ]
    );
}

#[test]
fn malformed_documents_are_refused_where_they_break() {
    for (text, line, column) in [
        ("a: [1, 2", 1, 4),
        ("a: 1\n---\nb: 2\n", 2, 1),
        ("a: &x [*x]\n", 1, 8),
        ("a: *nowhere\n", 1, 4),
        ("? {a: 1}\n: 2\n", 1, 3),
        ("a: !!python/object:os.system x\n", 1, 30),
        ("a: {<<: 3}\n", 1, 9),
        ("a: 1\nb: x\0y\n", 2, 5),
    ] {
        let found = problems(text.as_bytes());
        assert_eq!(found.len(), 1, "{text:?}: {found:?}");
        assert_eq!(
            (found[0].line, found[0].column),
            (line, column),
            "{text:?}: {}",
            found[0].message
        );
    }
    assert_eq!(problems(b"a: \xff\n")[0].column, 4);
}

#[test]
fn hostile_documents_are_refused_in_bounded_time() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let alias = format!("*a{}, ", level - 1).repeat(9);
        writeln!(laughs, "a{level}: &a{level} [{alias}]").unwrap();
    }
    let long_text = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a, ".repeat(100));
    let huge = vec![b'#'; MAX_SOURCE_BYTES + 1];
    let deep = format!("a: {}", "[".repeat(10_000));
    let deep_block = (0..200)
        .map(|level| " ".repeat(level) + "a:")
        .collect::<Vec<_>>()
        .join("\n");
    let wide = "- x\n".repeat(30_000);
    for bytes in [
        laughs.as_bytes(),
        long_text.as_bytes(),
        &huge,
        deep.as_bytes(),
        deep_block.as_bytes(),
        wide.as_bytes(),
    ] {
        let found = problems(bytes);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            matches!(found[0].code, Code::TooLarge | Code::Syntax),
            "{found:?}"
        );
    }
}

/// Every byte of a shipped recipe replaced by every other one: a tree or a problem inside of the text, never a panic.
#[test]
fn every_mutation_of_a_byte_is_survived() {
    let text = include_str!("../../quickstart.yaml");
    let lines = text
        .lines()
        .map(|line| line.split(" #").next().unwrap_or_default().trim_end());
    let lines: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let mut source = lines.join("\n").into_bytes();
    let last = u32::try_from(lines.len()).unwrap() + 2;
    for index in 0..source.len() {
        let original = source[index];
        for byte in 0..=u8::MAX {
            source[index] = byte;
            let (node, found) = parse(&source, Source::File);
            assert!(node.is_some() || !found.is_empty(), "byte {index} = {byte}");
            assert!(
                found
                    .iter()
                    .all(|d| (1..=last).contains(&d.line) && d.column >= 1),
                "byte {index} = {byte}: {found:?}"
            );
        }
        source[index] = original;
    }
}

#[test]
fn many_keys_take_linear_time() {
    let keys = (0..9_000)
        .map(|key| format!("k{key}: 1"))
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(problems(keys.as_bytes()), []);
}

/// Our reading and `serde_yaml`'s agree on what both accept, apart from what is a text here by intention.
#[test]
fn agrees_with_serde_yaml() {
    for text in [
        "a: 1\nb: [x, 'y', \"z\\n\"]\nc: {d: null, e: true, f: 1.5}\n",
        "a: |\n  one\n  two\nb: >-\n  folded\n  text\n",
        "x: &x {y: 1}\nz: *x\n",
        "- a\n- - b\n  - c\n",
    ] {
        let theirs: serde_json::Value = serde_yaml::from_str(text).unwrap();
        assert_eq!(tree(text).to_json(), theirs, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_tree_or_a_problem(text in "[a-c:\\-\\[\\]{}&*<!|>'\"#?~ \n,0-9é]{0,60}") {
        let (node, found) = parse(text.as_bytes(), Source::File);
        prop_assert!(node.is_some() || !found.is_empty() || text.lines().all(|line| {
            line.trim().is_empty() || line.trim_start().starts_with('#')
        }) || text.trim_matches(['-', '.', ' ', '\n']).is_empty(), "{:?}", text);
        for diagnostic in found {
            prop_assert!(diagnostic.line >= 1 && diagnostic.column >= 1);
        }
    }

    #[test]
    fn any_bytes_give_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse(&bytes, Source::File);
    }
}
