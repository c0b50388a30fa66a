//! What a rule is about.

use hpcbench_recipes::{Code, Example, Severity};
use serde_json::{Value, json};

fn severity(code: Code) -> &'static str {
    match code.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// A rule in words.
pub(super) fn in_words(code: Code) -> String {
    let Example { wrong, right } = code.example();
    format!(
        "{code} ({})\n\n{}\n\nWrong:\n\n{}\nRight:\n\n{}",
        severity(code),
        code.explanation(),
        indented(wrong),
        indented(right)
    )
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n") + "\n"
}

/// A rule for programs.
pub(super) fn document(code: Code) -> Value {
    let Example { wrong, right } = code.example();
    json!({
        "code": code,
        "severity": code.severity(),
        "explanation": code.explanation(),
        "example": {"wrong": wrong, "right": right},
    })
}
