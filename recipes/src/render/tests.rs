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

/// Text that is not ASCII before, on and after the line, in block and in flow style.
const FOREIGN: &str = "\
schema: hpcbench/v1
name: foreign
description: \"Übergröße – 日本語 🚀\"
metadata: {notes: \"🚀🚀\", tags: [\"ö\", 7]}
service: {kind: simulator, environment: {\"ß\": \"é\", VAR: 1}}
workload:
  load: {shape: closed, concurrency: \"１０\"}
  duration: 5м
  prompts: {source: synthetic, input_tokens: 64, output_tokens: 16, größe: 1}
";

#[test]
fn carets_stand_under_text_of_any_script() {
    insta::assert_snapshot!(rendered(FOREIGN, &[]));
}

/// What a merge key or an alias brings is shown where it is written, what stands beside it where that is.
const SHARED: &str = "\
schema: hpcbench/v1
name: shared
metadata: {notes: &length 30}
service: &service
  kind: simulator
  options: {ttft: &time 20}
workload:
  load: &load {shape: closed, concurency: 10}
  duration: *length
  warmup: *time
  prompts:
    <<: &prompts {source: synthetic, input_tokens: -1}
    output_tokens: [1]
sweep:
  matrix: {service.options: [{ttft: *time}, {<<: *load, ttft: 1s}]}
";

#[test]
fn what_is_shared_is_shown_where_it_is_written() {
    insta::assert_snapshot!(rendered(SHARED, &[]));
}

/// One problem in each form of a value that has several.
const FORMS: &str = "\
schema: hpcbench/v1
name: forms
service:
  kind: openai
  model: m
  endpoints: \"http://a\"
  secrets: {KEY: {fil: x}}
workload:
  load: {shape: ramp, from: 1, over: 10s, rate: 5}
  connections: {policy: reuse, max_age: never}
  duration: 30s
  prompts:
    source: synthetic
    input_tokens: {mean: 64, stdev: 8, max: 100}
    output_tokens: {values: [], weights: [1]}
";

#[test]
fn each_form_has_problems_of_its_own() {
    let shown = rendered(FORMS, &[]);
    assert!(!shown.contains("schemas"), "{shown}");
    insta::assert_snapshot!(shown);
}
