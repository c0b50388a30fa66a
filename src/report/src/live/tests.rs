use super::*;
use crate::testing::{Story, interrupted_and_cancelled, quickstart, troubled};

fn lines(story: &Story) -> String {
    let lines = EventLines::of(&story.plan);
    let shown = story.events.iter().filter_map(|event| lines.describe(event));
    shown.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_run_in_which_all_is_well() {
    insta::assert_snapshot!(lines(&quickstart()));
}

#[test]
fn a_run_in_trouble() {
    insta::assert_snapshot!(lines(&troubled()));
}

#[test]
fn a_run_that_is_interrupted_and_cancelled() {
    insta::assert_snapshot!(lines(&interrupted_and_cancelled()));
}
