use super::*;
use crate::testing::check_with;

const WRONG: &str = "\
schema: hpcbench/v1
name: größe
service: {kind: simulator, options: {ttf: 20ms}}
workload:
  load: {shape: closed, concurency: 10}
  duration: 30
  warmup: 1m
  prompts: {source: synthetic, input_tokens: 64, output_tokens: no}
metadata: {notes: \"日本語\", tag: x}
";

fn rendered(source: &str, overrides: &[&str]) -> String {
    let checked = check_with(source.as_bytes(), overrides);
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let sources = Sources {
        path: "recipe.yaml",
        source: source.as_bytes(),
        overrides: &overrides,
    };
    render(&checked.diagnostics, &sources, false)
}

#[test]
fn problems_are_rendered_with_their_lines() {
    insta::assert_snapshot!(rendered(WRONG, &[]));
}

#[test]
fn problems_of_overrides_show_the_override() {
    let source = WRONG
        .replace("ttf:", "ttft:")
        .replace("concurency", "concurrency")
        .replace("größe", "size");
    let source = source
        .replace(": no", ": 8")
        .replace(", tag: x", "")
        .replace(": 30\n", ": 30s\n")
        .replace("1m", "1s");
    insta::assert_snapshot!(rendered(
        &source,
        &["workload.load.concurrency=many", "workload.warmup=1h"]
    ));
}

#[test]
fn malformed_yaml_is_rendered_where_it_breaks() {
    insta::assert_snapshot!(rendered("schema: hpcbench/v1\nworkload: {load: [}\n", &[]));
}

#[test]
fn json_has_the_promised_fields() {
    let checked = check_with(WRONG.as_bytes(), &[]);
    let report = ValidationReport {
        files: vec![FileReport::new("recipe.yaml", &checked.diagnostics)],
    };
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn colour_only_if_told() {
    let checked = check_with(WRONG.as_bytes(), &[]);
    let sources = Sources {
        path: "recipe.yaml",
        source: WRONG.as_bytes(),
        overrides: &[],
    };
    assert!(render(&checked.diagnostics, &sources, true).contains('\u{1b}'));
    assert!(!render(&checked.diagnostics, &sources, false).contains('\u{1b}'));
}
