//! Recipes and what is found in them, with its place.

mod form;
mod overrides;
mod rules;
mod run;
mod size;

use crate::testing::check;
use crate::{Checked, Code};

const MINIMAL: &str = "\
schema: hpcbench/v1
name: minimal
service: {kind: simulator}
workload:
  load: {shape: closed, concurrency: 10}
  duration: 30s
  prompts: {source: synthetic, input_tokens: 64, output_tokens: 16}
";

fn with(section: &str) -> String {
    format!("{MINIMAL}{section}")
}

fn found(checked: &Checked) -> Vec<(Code, u32, u32, &str)> {
    checked
        .diagnostics
        .iter()
        .map(|d| (d.code, d.line, d.column, d.pointer.as_str()))
        .collect()
}

#[track_caller]
fn assert_found(source: &str, expected: &[(Code, u32, u32, &str)]) {
    let checked = check(source);
    assert_eq!(found(&checked), expected, "{:#?}", checked.diagnostics);
}
