//! Recipes that are very large.

use super::{MINIMAL, with};
use crate::Code;
use crate::testing::check;

#[test]
fn large_recipes_with_many_points_are_refused() {
    let variables: Vec<String> = (0..5000).map(|index| format!("V{index}: x")).collect();
    let environment = format!("{{kind: simulator, environment: {{{}}}}}", variables.join(", "));
    let levels: Vec<String> = (1..5000).map(|level| level.to_string()).collect();
    let sweep = format!(
        "sweep: {{matrix: {{workload.load.concurrency: [{}]}}}}\n",
        levels.join(", ")
    );
    let source = with(&sweep).replace("{kind: simulator}", &environment);
    let checked = check(&source);
    let codes: Vec<Code> = checked.diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, [Code::SweepSize]);
}

#[test]
fn thousands_of_problems_take_linear_time() {
    let entries = vec!["{sharr: 1, fautl: x}"; 3000].join(", ");
    let keys: Vec<String> = (0..4000).map(|index| format!("unknown{index}: 1")).collect();
    let checked = check(&MINIMAL.replace(
        "{kind: simulator}",
        &format!("{{kind: simulator, options: {{a: [{entries}]}}}}"),
    ));
    assert!(!checked.diagnostics.is_empty());
    let checked = check(&with(&(keys.join("\n") + "\n")));
    assert_eq!(checked.diagnostics.len(), keys.len());
}
